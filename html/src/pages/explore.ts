import { h } from '../lib/dom'
import type { PageMaker } from '../page'

export const explorePage: PageMaker = () => ({ el: h('div', {}, 'explore'), update: () => undefined })
