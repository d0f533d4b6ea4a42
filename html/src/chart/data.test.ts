import { describe, expect, it } from 'vitest'
import { extent, lonely, rankAt, stack, valueScale, type Line } from './data'

function line(key: string, values: (number | null)[]): Line {
  return { key, label: key, color: '', values }
}

describe('stack', () => {
  it('sums from below and keeps gaps', () => {
    const got = stack([
      [1, null, 3, null],
      [2, 5, null, null],
    ])
    expect(got).toEqual([
      [1, null, 3, null],
      [3, 5, 3, null],
    ])
  })

  it('has nothing to do without lines', () => {
    expect(stack([])).toEqual([])
  })
})

describe('lonely', () => {
  it('finds points between gaps', () => {
    expect(lonely([1, null, 2, 3, null, 4])).toEqual([0, 5])
    expect(lonely([1, 2, 3])).toEqual([])
  })
})

describe('rankAt', () => {
  it('has the largest first and no gaps', () => {
    const lines = [line('a', [1]), line('b', [null]), line('c', [3])]
    expect(rankAt(lines, 0).map((r) => r.line.key)).toEqual(['c', 'a'])
    expect(rankAt(lines, 9)).toEqual([])
  })
})

describe('scales', () => {
  it('finds the extent', () => {
    expect(extent([[1, null], [-4, 2]])).toEqual([-4, 2])
    expect(extent([[null]])).toBeUndefined()
  })

  it('starts at zero where values are near it', () => {
    expect(valueScale([[1, 10]], false)[0]).toBe(0)
    expect(valueScale([[99, 100]], false)[0]).toBeGreaterThan(98)
    expect(valueScale([[99, 100]], true)[0]).toBe(0)
  })

  it('is never empty', () => {
    for (const v of [0, 5, -5]) {
      const [low, high] = valueScale([[v]], false)
      expect(high).toBeGreaterThan(low)
    }
    expect(valueScale([], false)).toEqual([0, 1])
  })
})
