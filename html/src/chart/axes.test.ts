import { describe, expect, it } from 'vitest'
import { binaryIncrements, momentText, timeLabels, valueLabels } from './axes'

// the page shows local time: so do these
const at = (h: number, m: number, s = 0, d = 2): number => new Date(2026, 0, d, h, m, s).getTime() / 1000

describe('timeLabels', () => {
  it('shows seconds only where ticks are seconds apart', () => {
    expect(timeLabels([at(9, 0), at(9, 5)], 300)).toEqual(['09:00', '09:05'])
    expect(timeLabels([at(9, 0), at(9, 0, 15)], 15)).toEqual(['09:00:00', '09:00:15'])
  })

  it('names the day where it changes', () => {
    expect(timeLabels([at(23, 0), at(0, 0, 0, 3)], 3600)).toEqual(['23:00', '00:00\n3 Jan'])
  })

  it('names days and months alone where ticks are that far apart', () => {
    expect(timeLabels([at(0, 0)], 86400)).toEqual(['2 Jan'])
    expect(timeLabels([at(0, 0)], 2_678_400)).toEqual(['Jan 2026'])
  })
})

describe('momentText', () => {
  it('is as fine as the step', () => {
    expect(momentText(at(9, 5), 60)).toBe('2026-01-02 09:05')
    expect(momentText(at(9, 5, 7), 60)).toBe('2026-01-02 09:05:07')
    expect(momentText(at(9, 5) + 0.25, 0.25)).toBe('2026-01-02 09:05:00.250')
  })
})

describe('valueLabels', () => {
  it('tells ticks apart', () => {
    expect(valueLabels([0, 1000, 2000], 'number')).toEqual(['0', '1k', '2k'])
    expect(valueLabels([100000, 100010], 'number')).toEqual(['100k', '100.01k'])
    expect(valueLabels([113000000, 113100000], 'bytes')).toEqual(['107.8 MiB', '107.9 MiB'])
  })

  it('steps by powers of two', () => {
    expect(binaryIncrements().slice(0, 3)).toEqual([1, 2, 4])
    expect(binaryIncrements()).toContain(1024 * 1024)
  })
})
