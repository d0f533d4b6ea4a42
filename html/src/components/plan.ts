// The plan of a query: a row for each part of it, indented as in the tree.

import type { PlanNode } from '../api/explain'
import { h, styled } from '../lib/dom'
import { formatCount, formatSeconds } from '../lib/number'

function rows(node: PlanNode, depth: number, out: HTMLElement[]): HTMLElement[] {
  const count = (n: number | undefined): string => n === undefined ? '' : formatCount(n)
  const expr = styled(h('td', { class: 'mono' }, node.expr, node.once && h('span', { class: 'muted' }, ' once')), { 'padding-inline-start': `calc(${String(depth)} * var(--s3))` })
  out.push(h('tr', {}, expr,
    h('td', { class: 'num' }, count(node.series)), h('td', { class: 'num' }, count(node.samples)),
    h('td', { class: 'num' }, node.seconds === undefined ? '' : formatSeconds(node.seconds))))
  for (const child of node.children) rows(child, depth + 1, out)
  return out
}

export function planTable(plan: PlanNode): HTMLElement {
  const head = ['Series', 'Samples', 'Time'].map((text) => h('th', { scope: 'col', class: 'num' }, text))
  return h('div', { class: 'scroll-x plan' }, h('table', {},
    h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Part'), ...head)), h('tbody', {}, ...rows(plan, 0, []))))
}
