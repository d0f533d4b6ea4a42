import { expect, it } from 'vitest'
import type { Rule, RuleGroup } from '../api/rules'
import { countBy, filterGroups, sortAlerts } from './alerts_filter'

function rule(name: string, more: Partial<Rule>): Rule {
  return {
    type: 'alerting', name, query: 'up == 0', state: 'inactive', duration: 0, keepFiringFor: 0, labels: {}, annotations: {},
    alerts: [], health: 'ok', lastError: '', evaluationTime: 0, lastEvaluation: undefined, ...more,
  }
}

const GROUPS: RuleGroup[] = [
  {
    name: 'one', file: 'a.yml', interval: 15, evaluationTime: 0, lastEvaluation: undefined,
    rules: [rule('Down', { state: 'firing', labels: { severity: 'page' } }), rule('Full', {})],
  },
  {
    name: 'two', file: 'b.yml', interval: 15, evaluationTime: 0, lastEvaluation: undefined,
    rules: [rule('job:up', { type: 'recording', state: 'unknown', health: 'err', query: 'sum(up)' })],
  },
]

const names = (groups: RuleGroup[]): string[] => groups.flatMap((g) => g.rules.map((r) => r.name))

it('filters by state', () => {
  expect(names(filterGroups(GROUPS, 'firing', ''))).toEqual(['Down'])
  expect(names(filterGroups(GROUPS, 'inactive', ''))).toEqual(['Full'])
  expect(names(filterGroups(GROUPS, 'failing', ''))).toEqual(['job:up'])
  expect(filterGroups(GROUPS, 'pending', '')).toEqual([])
})

it.each([
  ['PAGE', ['Down']],
  ['severity=p', ['Down']],
  ['sum(', ['job:up']],
  ['a.yml', ['Down', 'Full']],
  ['nothing', []],
])('searches %s', (text, want) => {
  expect(names(filterGroups(GROUPS, 'all', text))).toEqual(want)
})

it('counts', () => {
  expect(countBy(GROUPS)).toEqual({ all: 3, firing: 1, pending: 0, inactive: 1, recording: 1, failing: 1 })
})

it('has what fires first, and of that the oldest', () => {
  const alerts = [
    { state: 'pending' as const, activeAt: 1 },
    { state: 'firing' as const, activeAt: 3 },
    { state: 'firing' as const, activeAt: 2 },
  ]
  expect(sortAlerts(alerts).map((a) => a.activeAt)).toEqual([2, 3, 1])
})
