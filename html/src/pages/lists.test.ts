import { describe, expect, it } from 'vitest'
import type { Target } from '../api/targets'
import type { Sample } from '../lib/series'
import { sortRows } from './explore_table'
import { groupPools } from './targets'

function target(pool: string, instance: string, health: Target['health'], lastError = ''): Target {
  return {
    pool, url: `http://${instance}/metrics`, labels: { instance }, discovered: {}, health, lastError,
    lastScrape: undefined, lastDuration: 0, interval: 15,
  }
}

describe('groupPools', () => {
  const all = [target('b', 'x:1', 'up'), target('a', 'y:1', 'down', 'connection refused'), target('b', 'z:1', 'unknown')]

  it('counts all of a pool, whatever is shown of it', () => {
    const pools = groupPools(all, 'up', '')
    expect(pools.map((p) => [p.name, p.up, p.total, p.targets.length])).toEqual([['b', 1, 2, 1]])
  })

  it.each([
    ['', ['a', 'b']],
    ['REFUSED', ['a']],
    ['instance=z', ['b']],
    ['nothing', []],
  ])('searches "%s"', (text, want) => {
    expect(groupPools(all, 'all', text).map((p) => p.name)).toEqual(want)
  })
})

describe('sortRows', () => {
  const rows = ['2', 'NaN', '+Inf', '-1', '10'].map((v) => ({ query: 'A', series: { labels: {}, samples: [[0, v]] as Sample[] } }))
  const values = (order: 'none' | 'up' | 'down'): (string | undefined)[] => sortRows(rows, order).map((r) => r.series.samples[0]?.[1])

  it('sorts numbers, not text, and has NaN last', () => {
    expect(values('down')).toEqual(['+Inf', '10', '2', '-1', 'NaN'])
    expect(values('up')).toEqual(['-1', '2', '10', '+Inf', 'NaN'])
    expect(values('none')).toEqual(['2', 'NaN', '+Inf', '-1', '10'])
  })
})
