import { describe, expect, it } from 'vitest'
import { ago, formatDuration, humanDuration, parseDuration, parseTime } from './duration'

describe('parseDuration', () => {
  it.each([
    ['5m', 300],
    ['1h30m', 5400],
    ['1d', 86400],
    ['1w2d', 777600],
    ['250ms', 0.25],
    ['90', 90],
    ['0.5', 0.5],
    [' 15s ', 15],
  ])('takes %s', (text, want) => {
    expect(parseDuration(text)).toBeCloseTo(want)
  })

  it.each(['', 'x', '-5m', '30m1h', '5 m', '1.5h'])('refuses "%s"', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })
})

describe('formatDuration', () => {
  it.each([
    [0, '0s'],
    [15, '15s'],
    [5400, '1h30m'],
    [86400, '1d'],
    [1209600, '14d'],
    [0.25, '250ms'],
    [61.5, '1m1s500ms'],
  ])('writes %d', (seconds, want) => {
    expect(formatDuration(seconds)).toBe(want)
  })

  it('is read back', () => {
    for (const s of [1, 59, 3601, 90061, 604800]) expect(parseDuration(formatDuration(s))).toBe(s)
  })
})

describe('what people read', () => {
  it.each([
    [0.012, '12 ms'],
    [12.7, '12 s'],
    [60, '1 min'],
    [3725, '1 h 2 min'],
    [90000, '1 d 1 h'],
    [86400, '1 d'],
  ])('%d s', (s, want) => {
    expect(humanDuration(s)).toBe(want)
  })

  it('tells past from future', () => {
    expect(ago(100, 100.4)).toBe('now')
    expect(ago(100, 112.3)).toBe('12 s ago')
    expect(ago(100, 98)).toBe('now')
    expect(ago(160, 100)).toBe('in 1 min')
  })

  it('knows what never happened', () => {
    expect(parseTime('0001-01-01T00:00:00Z')).toBeUndefined()
    expect(parseTime('nonsense')).toBeUndefined()
    expect(parseTime('2026-01-01T00:00:00Z')).toBe(1767225600)
  })
})
