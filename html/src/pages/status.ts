import { h } from '../lib/dom'
import type { PageMaker } from '../page'

export const statusPage: PageMaker = () => ({ el: h('div', {}, 'status'), update: () => undefined })
