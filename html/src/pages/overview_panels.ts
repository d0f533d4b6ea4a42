// What the overview shows: titles, queries, units.  Plain data, no drawing.

import type { Unit } from '../lib/number'

export interface PanelLine {
  label: string
  expr: string
  color: string
  // one line per value of this label instead of a single one
  by?: string
}

export interface PanelSpec {
  id: string
  title: string
  unit: Unit
  lines: PanelLine[]
  stacked?: boolean
  // the large number: the sum of all lines, or that of the first
  total?: boolean
  // what the page itself has seen of the store, where no query has it
  own?: 'samples' | 'bytes'
}

const CLASS_COLORS: Record<string, string> = {
  '1xx': 'var(--series-idle)',
  '2xx': 'var(--series-good)',
  '3xx': 'var(--series-info)',
  '4xx': 'var(--series-warn)',
  '5xx': 'var(--series-bad)',
  none: 'var(--series-idle)',
}

export function classColor(name: string): string {
  return CLASS_COLORS[name] ?? 'var(--series-idle)'
}

function traffic(inside: string, window: string): PanelSpec[] {
  const rate = (name: string): string => `sum(rate(${name}{${inside}}[${window}]))`
  const codes = `rate(nginx_http_requests_total{${inside}}[${window}])`
  const buckets = `sum by (le) (rate(nginx_http_request_duration_seconds_bucket{${inside}}[${window}]))`
  const quantile = (q: string): string => `histogram_quantile(${q}, ${buckets})`
  const connections = (name: string): string => `sum(nginx_connections_${name}{${inside}})`
  return [
    { id: 'requests', title: 'Requests per second', unit: 'persecond', lines: [{ label: 'requests', expr: rate('nginx_http_requests_total'), color: 'var(--series-0)' }] },
    {
      id: 'classes', title: 'Responses by status class', unit: 'persecond', stacked: true, total: true,
      lines: [{ label: '', by: 'class', color: '', expr: `sum by (class) (label_replace(label_replace(${codes}, "class", "none", "", ""), "class", "\${1}xx", "code", "([1-5]).*"))` }],
    },
    {
      id: 'latency', title: 'Latency', unit: 'seconds',
      lines: [
        { label: 'p50', expr: quantile('0.5'), color: 'var(--series-2)' },
        { label: 'p90', expr: quantile('0.9'), color: 'var(--series-0)' },
        { label: 'p99', expr: quantile('0.99'), color: 'var(--series-1)' },
      ],
    },
    {
      id: 'connections', title: 'Connections', unit: 'number',
      lines: [
        { label: 'active', expr: connections('active'), color: 'var(--series-0)' },
        { label: 'reading', expr: connections('reading'), color: 'var(--series-4)' },
        { label: 'writing', expr: connections('writing'), color: 'var(--series-1)' },
        { label: 'waiting', expr: connections('waiting'), color: 'var(--series-9)' },
      ],
    },
    {
      id: 'bytes', title: 'Traffic', unit: 'bytespersecond',
      lines: [
        { label: 'sent', expr: rate('nginx_http_sent_bytes_total'), color: 'var(--series-0)' },
        { label: 'received', expr: rate('nginx_http_received_bytes_total'), color: 'var(--series-2)' },
      ],
    },
  ]
}

// inside: matchers that pick one nginx, "" for all that are scraped
export function overviewPanels(inside: string, window: string): PanelSpec[] {
  return [
    ...traffic(inside, window),
    {
      id: 'targets', title: 'Targets', unit: 'number', stacked: true,
      lines: [
        { label: 'up', expr: 'sum(up) or vector(0)', color: 'var(--series-good)' },
        { label: 'down', expr: 'count(up) - sum(up) or vector(0)', color: 'var(--series-bad)' },
      ],
    },
    {
      id: 'samples', title: 'Samples ingested', unit: 'persecond', own: 'samples',
      lines: [{ label: 'samples', expr: `sum(rate(pharos_store_samples_appended_total[${window}]))`, color: 'var(--series-4)' }],
    },
    {
      id: 'store', title: 'Store size', unit: 'bytes', own: 'bytes',
      lines: [{ label: 'used', expr: 'sum(pharos_store_used_bytes)', color: 'var(--series-5)' }],
    },
  ]
}
