import { h } from '../lib/dom'
import type { PageMaker } from '../page'

export const alertsPage: PageMaker = () => ({ el: h('div', {}, 'alerts'), update: () => undefined })
