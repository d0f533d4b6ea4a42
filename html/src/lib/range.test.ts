import { describe, expect, it } from 'vitest'
import { alignSpan, autoStep, chooseStep, parseRange, rangeParams, rateWindow, shiftRange, zoomOut, zoomTo } from './range'

const NOW = 1_700_000_000

describe('parseRange', () => {
  it.each([
    ['', { kind: 'last', seconds: 3600 }],
    ['range=6h', { kind: 'last', seconds: 21600 }],
    ['range=bogus', { kind: 'last', seconds: 3600 }],
    ['range=0s', { kind: 'last', seconds: 3600 }],
    ['from=100&to=200', { kind: 'fixed', from: 100, to: 200 }],
    ['from=200&to=100&range=5m', { kind: 'last', seconds: 300 }],
    ['from=x&to=100', { kind: 'last', seconds: 3600 }],
  ])('reads "%s"', (text, want) => {
    expect(parseRange(new URLSearchParams(text))).toEqual(want)
  })

  it('gives back what rangeParams wrote', () => {
    for (const range of [{ kind: 'last', seconds: 5400 }, { kind: 'fixed', from: 10, to: 20.5 }] as const) {
      expect(parseRange(new URLSearchParams(rangeParams(range)))).toEqual(range)
    }
  })
})

describe('steps', () => {
  it.each([
    [300, 1],
    [3600, 15],
    [21600, 120],
    [86400, 300],
    [604800, 3600],
    [365 * 86400, 172800],
  ])('%d seconds have step %d', (seconds, want) => {
    expect(autoStep(seconds)).toBe(want)
  })

  it('takes a typed step as long as the server can answer', () => {
    expect(chooseStep({ from: 0, to: 3600 }, 7)).toBe(7)
    expect(chooseStep({ from: 0, to: 110000 }, 1)).toBe(10)
    expect(chooseStep({ from: 0, to: 3600 }, undefined)).toBe(15)
  })

  it('aligns on the grid', () => {
    expect(alignSpan({ from: 101, to: 207 }, 15)).toEqual({ from: 90, to: 195 })
  })
})

describe('moving about', () => {
  it('keeps a selection', () => {
    expect(zoomTo(100.4, 160.2)).toEqual({ kind: 'fixed', from: 100, to: 160 })
    expect(zoomTo(100.4, 102.2)).toEqual({ kind: 'fixed', from: 100.4, to: 102.2 })
  })

  it('doubles', () => {
    expect(zoomOut({ kind: 'last', seconds: 60 }, NOW)).toEqual({ kind: 'last', seconds: 120 })
    expect(zoomOut({ kind: 'fixed', from: 100, to: 200 }, NOW)).toEqual({ kind: 'fixed', from: 50, to: 250 })
  })

  it('goes back by half, and forward until now', () => {
    expect(shiftRange({ kind: 'last', seconds: 100 }, -1, NOW)).toEqual({ kind: 'fixed', from: NOW - 150, to: NOW - 50 })
    expect(shiftRange({ kind: 'fixed', from: NOW - 120, to: NOW - 20 }, 1, NOW)).toEqual({ kind: 'last', seconds: 100 })
  })
})

describe('rateWindow', () => {
  it('covers four scrapes of most targets, and a minute', () => {
    expect(rateWindow([])).toBe('1m')
    expect(rateWindow([5, 5, 60])).toBe('1m')
    expect(rateWindow([60, 60, 15])).toBe('4m')
  })
})
