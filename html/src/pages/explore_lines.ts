// From answers to lines: which are drawn, and what they are called.

import type { Line } from '../chart/data'
import { seriesColor } from '../chart/colors'
import { commonLabels, gridTimes, seriesName, toGrid } from '../lib/series'
import type { Outcome, Run } from './explore_run'

// more than these no eye tells apart, and no browser likes
export const MOST_LINES = 250

export interface Drawn {
  times: number[]
  lines: Line[]
  // series there were, drawn or not
  total: number
}

export function letter(i: number): string {
  return String.fromCharCode(65 + (i % 26))
}

function lineNames(outcome: Outcome, prefix: string): string[] {
  const all = outcome.result?.series.map((s) => s.labels) ?? []
  // with thousands of series, finding what they share is not worth its time
  const common = all.length <= MOST_LINES ? commonLabels(all) : {}
  return all.slice(0, MOST_LINES).map((labels) => {
    const short = seriesName(labels, common)
    const name = short === '{}' ? seriesName(labels) : short
    return prefix + (name === '{}' ? outcome.expr : name)
  })
}

export function drawnLines(run: Run): Drawn {
  const times = gridTimes(run.span.from, run.span.to, run.step)
  const lines: Line[] = []
  let total = 0
  run.outcomes.forEach((outcome, q) => {
    const series = outcome.result?.series ?? []
    const names = lineNames(outcome, run.outcomes.length > 1 ? `${letter(q)}  ` : '')
    total += series.length
    for (const [i, s] of series.entries()) {
      const label = names[i]
      if (lines.length >= MOST_LINES || label === undefined) break
      lines.push({
        key: `${String(q)} ${seriesName(s.labels)}`,
        label,
        color: seriesColor(lines.length),
        values: toGrid(s.samples, run.span.from, run.step, times.length),
      })
    }
  })
  return { times, lines, total }
}
