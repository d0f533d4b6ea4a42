// /api/v1/query

import { call, type Answer } from './client'
import { parseResult, type QueryResult } from './result'

export function query(expr: string, time: number | undefined, signal?: AbortSignal): Promise<Answer<QueryResult>> {
  const params = { query: expr, time: time === undefined ? undefined : String(time) }
  return call('/api/v1/query', parseResult, { params, signal, post: true })
}
