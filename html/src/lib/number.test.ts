import { describe, expect, it } from 'vitest'
import { formatBytes, formatCount, formatNumber, formatRatio, formatSeconds, formatUnit, plural } from './number'

describe('formatNumber', () => {
  it.each([
    [0, '0'],
    [1, '1'],
    [-2.5, '-2.5'],
    [0.01234, '0.0123'],
    [100, '100'],
    [999.4, '999'],
    [999.96, '1k'],
    [1000, '1k'],
    [12345, '12.3k'],
    [999_950, '1M'],
    [-4.2e9, '-4.2G'],
    [1e15, '1e15'],
    [0.00001, '1e-5'],
    [NaN, 'NaN'],
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
  ])('%d is %s', (v, want) => {
    expect(formatNumber(v)).toBe(want)
  })
})

describe('units', () => {
  it.each([
    [0, '0 B'],
    [512, '512 B'],
    [1000, '0.977 KiB'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [1048576, '1 MiB'],
    [-5 * 1024 ** 3, '-5 GiB'],
  ])('%d bytes are %s', (v, want) => {
    expect(formatBytes(v)).toBe(want)
  })

  it.each([
    [0, '0 s'],
    [0.0123, '12.3 ms'],
    [0.0000004, '400 ns'],
    [59, '59 s'],
    [90, '1.5 min'],
    [7200, '2 h'],
    [172800, '2 d'],
  ])('%d seconds are %s', (v, want) => {
    expect(formatSeconds(v)).toBe(want)
  })

  it('takes a ratio as percent', () => {
    expect(formatRatio(0.9995)).toBe('100 %')
    expect(formatRatio(0.1234)).toBe('12.3 %')
  })

  it('puts the unit behind the number', () => {
    expect(formatUnit(2048, 'bytespersecond')).toBe('2 KiB/s')
    expect(formatUnit(12, 'persecond')).toBe('12/s')
  })
})

describe('counts', () => {
  it('groups digits', () => {
    expect(formatCount(1234567)).toBe('1,234,567')
  })

  it('knows one from many', () => {
    expect(plural(1, 'series', 'series')).toBe('1 series')
    expect(plural(0, 'alert')).toBe('0 alerts')
    expect(plural(1, 'alert')).toBe('1 alert')
  })
})
