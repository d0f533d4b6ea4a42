// /api/v1/status/tsdb: Prometheus's fields, and those of a store on one file.

import { call } from './client'
import { fields, list, number, text, type Fields } from './check'

export interface Count {
  name: string
  value: number
}

export interface StoreStats {
  fileBytes: number
  usedBytes: number
  mapBytes: number
  rows: number
  packs: number
  samplesAppended: number
  samplesRefused: number
  commits: number
}

export interface Tsdb {
  series: number
  chunks: number
  minTime: number | undefined
  maxTime: number | undefined
  store: StoreStats | undefined
  seriesByMetric: Count[]
  valuesByLabel: Count[]
  bytesByLabel: Count[]
  seriesByPair: Count[]
}

function counts(value: unknown): Count[] {
  return list(value).map((one) => ({ name: text(fields(one).name), value: number(fields(one).value) }))
}

function store(value: unknown): StoreStats | undefined {
  if (value === undefined) return undefined
  const f = fields(value)
  return {
    fileBytes: number(f.fileBytes),
    usedBytes: number(f.usedBytes),
    mapBytes: number(f.mapBytes),
    rows: number(f.rows),
    packs: number(f.packs),
    samplesAppended: number(f.samplesAppended),
    samplesRefused: number(f.samplesRefused),
    commits: number(f.commits),
  }
}

// an empty store has neither end
function seconds(head: Fields, key: string): number | undefined {
  const ms = number(head[key])
  return ms > 0 && ms < 8.64e15 ? ms / 1000 : undefined
}

function parse(data: unknown): Tsdb {
  const f = fields(data)
  const head = fields(f.headStats)
  return {
    series: number(head.numSeries),
    chunks: number(head.chunkCount),
    minTime: seconds(head, 'minTime'),
    maxTime: seconds(head, 'maxTime'),
    store: store(f.storeStats),
    seriesByMetric: counts(f.seriesCountByMetricName),
    valuesByLabel: counts(f.labelValueCountByLabelName),
    bytesByLabel: counts(f.memoryInBytesByLabelName),
    seriesByPair: counts(f.seriesCountByLabelValuePair),
  }
}

export async function tsdb(limit: number, signal?: AbortSignal): Promise<Tsdb> {
  const answer = await call('/api/v1/status/tsdb', parse, { params: { limit: String(limit) }, signal })
  return answer.data
}
