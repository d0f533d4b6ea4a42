// A native histogram as rows: what it counted, then its buckets with bars.

import { h, styled } from '../lib/dom'
import type { Bucket, Histogram } from '../lib/series'

function bucketRow(b: Bucket): HTMLElement {
  const bar = styled(h('span', { class: 'bar' }), { width: `${(b.share * 100).toFixed(1)}%` })
  return h('tr', {}, h('td', {}, b.range), h('td', { class: 'bars' }, bar), h('td', {}, b.count))
}

// The buckets are folded up, unless they are all that is shown.
export function histogramBlock(value: Histogram, open: boolean, note?: HTMLElement): HTMLElement {
  const summary = h('summary', {}, `count ${value.count}, sum ${value.sum}`, note)
  if (value.buckets.length === 0) return h('div', {}, ...summary.childNodes)
  return h('details', { class: 'histogram', open }, summary, h('table', {}, h('tbody', {}, ...value.buckets.map(bucketRow))))
}
