import { describe, expect, it } from 'vitest'
import { thinned, type Mark } from './marks'

const marks = (n: number): Mark[] => Array.from({ length: n }, (_, i) => ({ time: n - i, value: i, rows: [] }))

describe('marks', () => {
  it('are all kept if they are few', () => {
    expect(thinned(marks(5), 5)).toHaveLength(5)
  })

  it('are thinned over all of the time', () => {
    const kept = thinned(marks(1000), 10)
    expect(kept.map((m) => m.time)).toEqual([1, 101, 201, 301, 401, 501, 601, 701, 801, 901])
  })
})
