// What each part of a query gave and took: "explain" of both kinds.

import { call } from './client'
import { fields, list, number, text } from './check'

export interface PlanNode {
  expr: string
  // nodes that were not evaluated by themselves have no figures
  series: number | undefined
  samples: number | undefined
  seconds: number | undefined
  once: boolean
  children: PlanNode[]
}

export interface Moments {
  // undefined: at the end alone
  from: number | undefined
  to: number | undefined
  step: number
}

function figure(value: unknown): number | undefined {
  return value === undefined ? undefined : number(value)
}

export function parsePlan(value: unknown): PlanNode {
  const f = fields(value)
  const ms = figure(f.milliseconds)
  return {
    expr: text(f.expr) || text(f.type),
    series: figure(f.series),
    samples: figure(f.samples),
    seconds: ms === undefined ? undefined : ms / 1000,
    once: f.once === true,
    children: list(f.children).map(parsePlan),
  }
}

export async function explain(expr: string, at: Moments, signal?: AbortSignal): Promise<PlanNode> {
  const time = at.to === undefined ? undefined : String(at.to)
  const parse = (data: unknown): PlanNode => parsePlan(fields(fields(data).explain).plan)
  const params = at.from === undefined
    ? { query: expr, explain: '1', time }
    : { query: expr, explain: '1', start: String(at.from), end: time, step: String(at.step), limit: '1' }
  const path = at.from === undefined ? '/api/v1/query' : '/api/v1/query_range'
  return (await call(path, parse, { params, signal, post: true })).data
}
