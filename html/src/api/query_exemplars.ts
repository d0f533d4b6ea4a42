// /api/v1/query_exemplars

import { call } from './client'
import { fields, labels, mustList, text, unexpected } from './check'
import { parseValue, type Labels } from '../lib/series'

export interface Exemplar {
  series: Labels
  labels: Labels
  // seconds
  time: number
  value: number
}

function exemplar(series: Labels, value: unknown): Exemplar {
  const f = fields(value)
  if (typeof f.timestamp !== 'number') throw unexpected('time of an exemplar')
  return { series, labels: labels(f.labels), time: f.timestamp, value: parseValue(text(f.value)) }
}

export function parseExemplars(data: unknown): Exemplar[] {
  return mustList(data, 'list of exemplars').flatMap((one) => {
    const f = fields(one)
    const series = labels(f.seriesLabels)
    return mustList(f.exemplars, 'list of exemplars').map((e) => exemplar(series, e))
  })
}

export async function queryExemplars(expr: string, from: number, to: number, signal?: AbortSignal): Promise<Exemplar[]> {
  const params = { query: expr, start: String(from), end: String(to) }
  return (await call('/api/v1/query_exemplars', parseExemplars, { params, signal, post: true })).data
}
