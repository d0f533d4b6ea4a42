// What Explore shows, as the address says it.

import { formatDuration, parseDuration } from '../lib/duration'
import { parseRange, rangeParams, type Range } from '../lib/range'

export interface ExploreState {
  exprs: string[]
  view: 'graph' | 'table'
  range: Range
  // seconds; undefined: what suits the range
  step: number | undefined
  stacked: boolean
  exemplars: boolean
  // seconds between refreshes, 0: none
  refresh: number
}

export const REFRESHES = [0, 5, 15, 30, 60, 300]

const MOST_QUERIES = 20

export function parseState(params: URLSearchParams): ExploreState {
  const step = parseDuration(params.get('step') ?? '')
  const refresh = parseDuration(params.get('refresh') ?? '') ?? 0
  return {
    exprs: params.getAll('expr').slice(0, MOST_QUERIES),
    view: params.get('view') === 'table' ? 'table' : 'graph',
    range: parseRange(params),
    step: step !== undefined && step > 0 ? step : undefined,
    stacked: params.get('stacked') === '1',
    exemplars: params.get('exemplars') === '1',
    refresh: REFRESHES.includes(refresh) ? refresh : 0,
  }
}

export function stateParams(state: ExploreState): Record<string, string | string[] | undefined> {
  return {
    expr: state.exprs,
    view: state.view === 'table' ? 'table' : undefined,
    ...rangeParams(state.range),
    step: state.step === undefined ? undefined : formatDuration(state.step),
    stacked: state.stacked ? '1' : undefined,
    exemplars: state.exemplars ? '1' : undefined,
    refresh: state.refresh > 0 ? formatDuration(state.refresh) : undefined,
  }
}
