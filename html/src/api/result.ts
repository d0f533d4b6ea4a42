// The data of a query, of both kinds of endpoint.

import { fields, labels, list, mustList, text, unexpected } from './check'
import { parseValue, type Bucket, type Histogram, type Labels, type Sample } from '../lib/series'

export interface Series {
  labels: Labels
  samples: Sample[]
}

export interface QueryResult {
  type: 'vector' | 'matrix' | 'scalar' | 'string'
  series: Series[]
}

// which of its bounds are within a bucket, by the number that comes before them
const BRACKETS = ['(]', '[)', '()', '[]']

function bucket(value: unknown): Bucket {
  const [rule, lower, upper, count] = list(value)
  const [open, close] = BRACKETS[Number(rule)] ?? '()'
  return { range: `${open}${text(lower)}, ${text(upper)}${close}`, count: text(count), share: parseValue(text(count)) }
}

function histogram(value: unknown): Histogram {
  const f = fields(value)
  const buckets = list(f.buckets).map(bucket)
  const most = Math.max(...buckets.map((b) => b.share))
  return {
    count: text(f.count),
    sum: text(f.sum),
    buckets: buckets.map((b) => ({ ...b, share: most > 0 && b.share > 0 ? b.share / most : 0 })),
  }
}

// What stands for a histogram where there is room for a word only.
function histogramSample(t: number, value: unknown): Sample {
  const h = histogram(value)
  return [t, `count ${h.count}, sum ${h.sum}`, h]
}

function sample(value: unknown): Sample | undefined {
  if (!Array.isArray(value) || value.length < 2) return undefined
  const [t, v] = value as unknown[]
  if (typeof t !== 'number') return undefined
  return typeof v === 'object' && v !== null ? histogramSample(t, v) : [t, text(v)]
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
  const all = samples(points)
  // floats and histograms of a series come apart
  if (f.histograms !== undefined) all.sort((a, b) => a[0] - b[0])
  return { labels: labels(f.metric), samples: all }
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
