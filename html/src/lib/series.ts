// Series as the API gives them, on the way to text and to columns.

export type Labels = Record<string, string>

// A native histogram: numbers stay text, buckets have their share of the
// fullest one, 0 .. 1.
export interface Bucket {
  range: string
  count: string
  share: number
}

export interface Histogram {
  count: string
  sum: string
  buckets: Bucket[]
}

// A sample as it came: the value stays text, which is exact.
export type Sample = [number, string, Histogram?]

const PLAIN = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const PLAIN_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/

function quote(text: string): string {
  return '"' + text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n') + '"'
}

// up{job="node"}, in a form that can be put back into a query
export function seriesName(labels: Labels, without?: Labels): string {
  const name = labels.__name__ ?? ''
  const plain = PLAIN_METRIC.test(name)
  const pairs = Object.keys(labels)
    .filter((k) => k !== '__name__' && without?.[k] === undefined)
    .sort()
    .map((k) => `${PLAIN.test(k) ? k : quote(k)}=${quote(labels[k] ?? '')}`)
  if (name !== '' && !plain) pairs.unshift(quote(name))
  const body = pairs.length > 0 ? `{${pairs.join(', ')}}` : ''
  return (plain ? name : '') + body || '{}'
}

// What all series share need not stand in a legend.
export function commonLabels(all: Labels[]): Labels {
  const [first, ...rest] = all
  if (first === undefined || rest.length === 0) return {}
  const common: Labels = {}
  for (const [k, v] of Object.entries(first)) {
    if (k !== '__name__' && rest.every((l) => l[k] === v)) common[k] = v
  }
  return common
}

export function parseValue(text: string): number {
  switch (text) {
    case '+Inf':
    case 'Inf':
      return Infinity
    case '-Inf':
      return -Infinity
    default:
      return text === '' ? NaN : Number(text)
  }
}

export function gridTimes(from: number, to: number, step: number): number[] {
  const n = Math.floor((to - from) / step + 1e-6) + 1
  return Array.from({ length: Math.max(0, n) }, (_, i) => from + i * step)
}

// One value per point of the grid; null, a gap, where there is no sample or
// none that can be drawn.
export function toGrid(samples: Sample[], from: number, step: number, n: number): (number | null)[] {
  const out = new Array<number | null>(n).fill(null)
  for (const [t, text] of samples) {
    const i = Math.round((t - from) / step)
    const v = parseValue(text)
    if (i >= 0 && i < n && Number.isFinite(v)) out[i] = v
  }
  return out
}

export function matchesText(labels: Labels, text: string): boolean {
  const wanted = text.toLowerCase()
  return Object.entries(labels).some(([k, v]) => `${k}=${v}`.toLowerCase().includes(wanted))
}
