import { describe, expect, it } from 'vitest'
import type { Series } from '../api/result'
import { MOST_LINES, drawnLines } from './explore_lines'
import type { Outcome } from './explore_run'

function outcome(expr: string, series: Series[]): Outcome {
  return { expr, result: { type: 'matrix', series }, error: undefined, warnings: [], infos: [], exemplars: [], seconds: 0 }
}

const span = { from: 0, to: 30 }

describe('drawnLines', () => {
  it('names lines by what tells them apart', () => {
    const series: Series[] = ['1', '2'].map((i) => ({ labels: { __name__: 'up', job: 'a', i }, samples: [[15, i]] }))
    const drawn = drawnLines({ span, step: 15, outcomes: [outcome('up', series)] })
    expect(drawn.times).toEqual([0, 15, 30])
    expect(drawn.lines.map((l) => l.label)).toEqual(['up{i="1"}', 'up{i="2"}'])
    expect(drawn.lines[0]?.values).toEqual([null, 1, null])
  })

  it('takes the query for a series without labels, and says which query', () => {
    const none: Series = { labels: {}, samples: [[0, '1']] }
    const drawn = drawnLines({ span, step: 15, outcomes: [outcome('sum(up)', [none]), outcome('1', [none])] })
    expect(drawn.lines.map((l) => l.label)).toEqual(['A  sum(up)', 'B  1'])
    expect(new Set(drawn.lines.map((l) => l.key)).size).toBe(2)
  })

  it('draws no more than can be drawn, and counts the rest', () => {
    const many: Series[] = Array.from({ length: 10_000 }, (_, i) => ({ labels: { i: String(i) }, samples: [[0, '1']] }))
    const drawn = drawnLines({ span, step: 15, outcomes: [outcome('many', many)] })
    expect(drawn.lines).toHaveLength(MOST_LINES)
    expect(drawn.total).toBe(10_000)
  })
})
