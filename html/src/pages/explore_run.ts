// Runs the queries of Explore, each for itself: one that fails leaves the
// others their answer.

import { errorText, isAbort } from '../api/client'
import { explain, type PlanNode } from '../api/explain'
import { queryExemplars, type Exemplar } from '../api/query_exemplars'
import { query } from '../api/query'
import { queryRange } from '../api/query_range'
import type { QueryResult } from '../api/result'
import { alignSpan, chooseStep, resolveRange, type Span } from '../lib/range'
import type { ExploreState } from './explore_state'

// what is asked for; servers that know the limit stop there
const ASKED = 5000

export interface Outcome {
  expr: string
  result: QueryResult | undefined
  error: string | undefined
  warnings: string[]
  infos: string[]
  exemplars: Exemplar[]
  seconds: number
}

export interface Run {
  span: Span
  step: number
  outcomes: Outcome[]
}

async function runOne(expr: string, state: ExploreState, run: Run, signal: AbortSignal): Promise<Outcome> {
  const start = performance.now()
  const since = (): number => (performance.now() - start) / 1000
  const nothing = { expr, result: undefined, error: undefined, warnings: [], infos: [], exemplars: [] }
  if (expr.trim() === '') return { ...nothing, seconds: 0 }
  try {
    const graph = state.view === 'graph'
    const answer = graph
      ? await queryRange({ expr, ...run.span, step: run.step, limit: ASKED }, signal)
      : await query(expr, state.range.kind === 'fixed' ? state.range.to : undefined, signal)
    const seconds = since()
    const exemplars = graph && state.exemplars && answer.data.series.length > 0
      ? await queryExemplars(expr, run.span.from, run.span.to, signal)
      : []
    return { expr, result: answer.data, error: undefined, warnings: answer.warnings, infos: answer.infos, exemplars, seconds }
  } catch (error) {
    if (isAbort(error) || signal.aborted) throw error
    return { ...nothing, error: errorText(error), seconds: since() }
  }
}

export async function runAll(state: ExploreState, signal: AbortSignal): Promise<Run> {
  const wanted = resolveRange(state.range, Date.now() / 1000)
  const step = chooseStep(wanted, state.step)
  const run: Run = { span: alignSpan(wanted, step), step, outcomes: [] }
  run.outcomes = await Promise.all(state.exprs.map((expr) => runOne(expr, state, run, signal)))
  return run
}

// What the view asks for, once more, to see what it takes.
export function explainQuery(expr: string, state: ExploreState, signal: AbortSignal): Promise<PlanNode> {
  const wanted = resolveRange(state.range, Date.now() / 1000)
  const step = chooseStep(wanted, state.step)
  if (state.view === 'graph') return explain(expr, { ...alignSpan(wanted, step), step }, signal)
  return explain(expr, { from: undefined, to: state.range.kind === 'fixed' ? state.range.to : undefined, step }, signal)
}
