import { describe, expect, it } from 'vitest'
import { commonLabels, gridTimes, matchesText, parseValue, seriesName, toGrid } from './series'

describe('seriesName', () => {
  it.each([
    [{}, '{}'],
    [{ __name__: 'up' }, 'up'],
    [{ __name__: 'up', job: 'a', b: 'c' }, 'up{b="c", job="a"}'],
    [{ job: 'a"b\\c\nd' }, '{job="a\\"b\\\\c\\nd"}'],
    [{ __name__: 'with.dot', 'a.b': 'c' }, '{"with.dot", "a.b"="c"}'],
  ])('%j', (labels, want) => {
    expect(seriesName(labels as Record<string, string>)).toBe(want)
  })

  it('leaves out what all share', () => {
    const all = [
      { __name__: 'up', job: 'a', x: '1' },
      { __name__: 'up', job: 'a', x: '2' },
    ]
    expect(commonLabels(all)).toEqual({ job: 'a' })
    expect(all.map((l) => seriesName(l, commonLabels(all)))).toEqual(['up{x="1"}', 'up{x="2"}'])
    expect(commonLabels([{ job: 'a' }])).toEqual({})
  })
})

describe('the grid', () => {
  it('has both ends', () => {
    expect(gridTimes(10, 40, 15)).toEqual([10, 25, 40])
    expect(gridTimes(0, 0.3, 0.1)).toHaveLength(4)
  })

  it('shows gaps, and what cannot be drawn, as null', () => {
    const samples: [number, string][] = [[10, '1'], [40, '2.5'], [55, 'NaN'], [70, '+Inf'], [900, '9']]
    expect(toGrid(samples, 10, 15, 5)).toEqual([1, null, 2.5, null, null])
  })

  it('reads all values', () => {
    expect(parseValue('+Inf')).toBe(Infinity)
    expect(parseValue('-Inf')).toBe(-Infinity)
    expect(parseValue('1e-3')).toBe(0.001)
    expect(parseValue('')).toBeNaN()
  })
})

describe('matchesText', () => {
  it('looks into names and values', () => {
    expect(matchesText({ job: 'Node' }, 'job=no')).toBe(true)
    expect(matchesText({ job: 'Node' }, 'ode')).toBe(true)
    expect(matchesText({ job: 'Node' }, 'x')).toBe(false)
  })
})
