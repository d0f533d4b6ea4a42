// /api/v1/query_range

import { call, type Answer } from './client'
import { parseResult, type QueryResult } from './result'

export interface RangeQuery {
  expr: string
  from: number
  to: number
  step: number
  // series; servers that do not know the limit send all
  limit?: number
}

export function queryRange(q: RangeQuery, signal?: AbortSignal): Promise<Answer<QueryResult>> {
  const params = {
    query: q.expr,
    start: String(q.from),
    end: String(q.to),
    step: String(q.step),
    limit: q.limit === undefined ? undefined : String(q.limit),
  }
  return call('/api/v1/query_range', parseResult, { params, signal, post: true })
}
