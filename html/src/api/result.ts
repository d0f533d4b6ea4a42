// The data of a query, of both kinds of endpoint.

import { fields, labels, list, mustList, text, unexpected } from './check'
import type { Labels, Sample } from '../lib/series'

export interface Series {
  labels: Labels
  samples: Sample[]
}

export interface QueryResult {
  type: 'vector' | 'matrix' | 'scalar' | 'string'
  series: Series[]
}

// A histogram is shown by what it counted.
function histogramText(value: unknown): string {
  const f = fields(value)
  return `histogram: count ${text(f.count)}, sum ${text(f.sum)}`
}

function sample(value: unknown): Sample | undefined {
  if (!Array.isArray(value) || value.length < 2) return undefined
  const [t, v] = value as unknown[]
  if (typeof t !== 'number') return undefined
  return [t, typeof v === 'object' ? histogramText(v) : text(v)]
}

function samples(values: unknown[]): Sample[] {
  const out: Sample[] = []
  for (const value of values) {
    const s = sample(value)
    if (s) out.push(s)
  }
  return out
}

function series(value: unknown): Series {
  const f = fields(value)
  const points = [...list(f.values), ...list(f.histograms)]
  for (const one of [f.value, f.histogram]) if (one !== undefined) points.push(one)
  return { labels: labels(f.metric), samples: samples(points) }
}

export function parseResult(data: unknown): QueryResult {
  const f = fields(data)
  switch (f.resultType) {
    case 'vector':
    case 'matrix':
      return { type: f.resultType, series: mustList(f.result, 'result').map(series) }
    case 'scalar':
    case 'string':
      return { type: f.resultType, series: [{ labels: {}, samples: samples([f.result]) }] }
    default:
      throw unexpected('known result type')
  }
}
