// Tables of names: with a count and its bar, or with a value.

import type { Count } from '../api/status_tsdb'
import { h, styled } from '../lib/dom'
import { formatBytes, formatCount } from '../lib/number'
import { formatView } from '../lib/url'

export interface CountOptions {
  title: string
  unit: 'series' | 'values' | 'bytes'
  counts: Count[]
  // what to ask about a name
  expr?: (name: string) => string
}

export function countTable({ title, unit, counts, expr }: CountOptions): HTMLElement {
  const most = Math.max(1, ...counts.map((c) => c.value))
  const row = (c: Count): HTMLElement => {
    const bar = styled(h('span', { class: 'bar', 'aria-hidden': 'true' }), { width: `${String((c.value / most) * 100)}%` })
    const name = expr ? h('a', { href: formatView('explore', { expr: expr(c.name), view: 'table' }) }, c.name) : c.name
    return h('tr', {}, h('th', { scope: 'row', class: 'mono' }, name, bar),
      h('td', { class: 'num', title: String(c.value) }, unit === 'bytes' ? formatBytes(c.value) : formatCount(c.value)))
  }
  return h('section', { class: 'card' },
    h('div', { class: 'card-head' }, h('h2', {}, title)),
    counts.length === 0
      ? h('p', { class: 'muted pad' }, 'Nothing to count')
      : h('table', { class: 'count-table' },
        h('thead', { class: 'sr-only' }, h('tr', {}, h('th', { scope: 'col' }, 'Name'), h('th', { scope: 'col' }, unit))),
        h('tbody', {}, ...counts.map(row))))
}

export function pairTable(title: string, list: [string, string][]): HTMLElement {
  return h('section', { class: 'card' },
    h('div', { class: 'card-head' }, h('h2', {}, title)),
    h('table', {}, h('tbody', {}, ...list.map(([k, v]) => h('tr', {}, h('th', { scope: 'row' }, k), h('td', { class: 'mono' }, v === '' ? '–' : v))))))
}
