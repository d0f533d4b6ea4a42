// The table of Explore: an instant's values, exactly as the server wrote them.

import type { Series } from '../api/result'
import { momentText } from '../chart/axes'
import { histogramBlock } from '../components/histogram'
import { empty } from '../components/state'
import { fill, h } from '../lib/dom'
import { formatCount } from '../lib/number'
import { parseValue, seriesName } from '../lib/series'
import { letter } from './explore_lines'
import type { Run } from './explore_run'

const CHUNK = 500

// samples of a range selector that one cell lists
const CELL = 50

type Order = 'none' | 'down' | 'up'

interface Row {
  query: string
  series: Series
}

const NEXT: Record<Order, Order> = { none: 'down', down: 'up', up: 'none' }
const ARIA: Record<Order, string> = { none: 'none', down: 'descending', up: 'ascending' }

export function sortRows(rows: Row[], order: Order): Row[] {
  if (order === 'none') return rows
  const value = (r: Row): number => parseValue(r.series.samples[0]?.[1] ?? '')
  const sign = order === 'down' ? -1 : 1
  return [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)]
    // what is no number comes last in both orders
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y))
    return x === y ? 0 : x < y ? -sign : sign
  })
}

function nameCell(series: Series): HTMLElement {
  const { __name__: name, ...rest } = series.labels
  if (name === undefined) return h('th', { scope: 'row', class: 'mono' }, seriesName(rest))
  const labels = seriesName(rest)
  return h('th', { scope: 'row', class: 'mono' }, h('b', {}, name), labels === '{}' ? '' : labels)
}

function valueCell(series: Series): HTMLElement {
  const [first] = series.samples
  if (series.samples.length <= 1) {
    if (first?.[2]) return h('td', { class: 'num mono', title: momentText(first[0], 0.5) }, histogramBlock(first[2], true))
    return h('td', { class: 'num mono', title: first ? momentText(first[0], 0.5) : undefined }, first?.[1] ?? '')
  }
  const lines = series.samples.slice(-CELL).map(([t, v, histogram]) => {
    const moment = h('span', { class: 'muted' }, ` @ ${momentText(t, 0.5)}`)
    return histogram ? histogramBlock(histogram, false, moment) : h('div', {}, v, moment)
  })
  const left = series.samples.length - lines.length
  return h('td', { class: 'num mono' }, left > 0 && h('div', { class: 'muted' }, `${formatCount(left)} earlier`), ...lines)
}

export class ExploreTable {
  readonly el = h('div', { class: 'explore-table' })
  private rows: Row[] = []
  private order: Order = 'none'
  private shown = CHUNK
  private several = false
  private failed = false

  show(run: Run): void {
    this.several = run.outcomes.length > 1
    this.failed = run.outcomes.some((o) => o.error !== undefined)
    this.rows = run.outcomes.flatMap((o, q) => (o.result?.series ?? []).map((series) => ({ query: letter(q), series })))
    this.draw()
  }

  private draw(): void {
    if (this.rows.length === 0) {
      fill(this.el, this.failed ? empty('Nothing to show', 'See the error above.') : empty('No result', 'The query has no value at this time.'))
      return
    }
    const body = h('tbody', {}, ...sortRows(this.rows, this.order).slice(0, this.shown).map((row) =>
      h('tr', {}, this.several && h('td', {}, row.query), nameCell(row.series), valueCell(row.series))))
    const sort = h('button', { type: 'button', class: 'sort', click: () => {
      this.order = NEXT[this.order]
      this.draw()
      this.el.querySelector<HTMLElement>('.sort')?.focus()
    } }, { none: 'Value', down: 'Value ↓', up: 'Value ↑' }[this.order])
    const head = h('thead', {}, h('tr', {},
      this.several && h('th', { scope: 'col' }, 'Query'), h('th', { scope: 'col' }, 'Series'),
      h('th', { scope: 'col', class: 'num', 'aria-sort': ARIA[this.order] }, sort)))
    const left = this.rows.length - this.shown
    const more = h('button', { type: 'button', class: 'button', click: () => {
      this.shown += CHUNK * 4
      this.draw()
    } }, `Show more: ${formatCount(left)} are left`)
    fill(this.el, h('div', { class: 'scroll-x' }, h('table', {}, head, body)), left > 0 && h('div', { class: 'more' }, more))
  }
}
