// Which time a view shows, and how finely: both live in the URL.

import { formatDuration, parseDuration } from './duration'

export type Range = { kind: 'last'; seconds: number } | { kind: 'fixed'; from: number; to: number }

export interface Span {
  from: number
  to: number
}

export const PRESETS = ['5m', '15m', '30m', '1h', '3h', '6h', '12h', '1d', '2d', '7d', '14d', '30d', '90d', '365d']

const DEFAULT_SECONDS = 3600
const LONGEST_SECONDS = 20 * 365 * 86400

// steps at which time axes look even
const STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400]

const POINTS = 300

// no server answers more per series
const MOST_POINTS = 11000

export function parseRange(params: URLSearchParams): Range {
  const from = Number(params.get('from') ?? NaN)
  const to = Number(params.get('to') ?? NaN)
  if (Number.isFinite(from) && Number.isFinite(to) && to > from) return { kind: 'fixed', from, to }
  const seconds = parseDuration(params.get('range') ?? '')
  const usable = seconds !== undefined && seconds > 0 && seconds <= LONGEST_SECONDS
  return { kind: 'last', seconds: usable ? seconds : DEFAULT_SECONDS }
}

export function rangeParams(range: Range): Record<string, string> {
  if (range.kind === 'last') return { range: formatDuration(range.seconds) }
  return { from: String(range.from), to: String(range.to) }
}

export function resolveRange(range: Range, now: number): Span {
  return range.kind === 'fixed' ? { from: range.from, to: range.to } : { from: now - range.seconds, to: now }
}

export function autoStep(seconds: number): number {
  const wanted = seconds / POINTS
  return STEPS.find((s) => s >= wanted) ?? Math.ceil(wanted / 86400) * 86400
}

// A step that a person typed, made coarse enough for the server to answer.
export function chooseStep(span: Span, typed: number | undefined): number {
  const seconds = span.to - span.from
  if (typed === undefined || typed <= 0) return autoStep(seconds)
  return Math.max(typed, seconds / MOST_POINTS, 0.001)
}

// On a grid of whole steps a refreshed graph keeps its points.
export function alignSpan(span: Span, step: number): Span {
  return { from: Math.floor(span.from / step) * step, to: Math.floor(span.to / step) * step }
}

// A selected piece becomes a fixed range, of whole seconds where it is long.
export function zoomTo(from: number, to: number): Range {
  const round = to - from > 10 ? Math.round : (v: number) => Math.round(v * 1000) / 1000
  const start = round(from)
  return { kind: 'fixed', from: start, to: Math.max(round(to), start + 0.001) }
}

export function zoomOut(range: Range, now: number): Range {
  const { from, to } = resolveRange(range, now)
  const seconds = Math.min((to - from) * 2, LONGEST_SECONDS)
  if (range.kind === 'last') return { kind: 'last', seconds }
  const middle = (from + to) / 2
  return { kind: 'fixed', from: middle - seconds / 2, to: Math.min(middle + seconds / 2, Math.max(now, to)) }
}

// direction -1 goes back by half of what is shown, 1 forward
export function shiftRange(range: Range, direction: -1 | 1, now: number): Range {
  const { from, to } = resolveRange(range, now)
  const by = (direction * (to - from)) / 2
  if (to + by >= now) return { kind: 'last', seconds: to - from }
  return { kind: 'fixed', from: Math.round(from + by), to: Math.round(to + by) }
}

// How far rate() must look for four samples at the interval most targets have.
export function rateWindow(intervals: number[]): string {
  const counts = new Map<number, number>()
  for (const i of intervals) counts.set(i, (counts.get(i) ?? 0) + 1)
  const [commonest] = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0])
  return formatDuration(Math.max(60, (commonest?.[0] ?? 15) * 4))
}
