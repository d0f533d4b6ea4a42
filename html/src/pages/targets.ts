import { h } from '../lib/dom'
import type { PageMaker } from '../page'

export const targetsPage: PageMaker = () => ({ el: h('div', {}, 'targets'), update: () => undefined })
