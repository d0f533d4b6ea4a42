// Which rules the alerts page shows.  No drawing.

import type { AlertState, Rule, RuleGroup } from '../api/rules'

// "failing" is no state of Prometheus's: rules whose evaluation fails
export type Filter = 'all' | 'firing' | 'pending' | 'inactive' | 'recording' | 'failing'

export const FILTERS: Filter[] = ['all', 'firing', 'pending', 'inactive', 'recording', 'failing']

export function passes(rule: Rule, filter: Filter): boolean {
  switch (filter) {
    case 'all':
      return true
    case 'recording':
      return rule.type === 'recording'
    case 'failing':
      return rule.health === 'err'
    default:
      return rule.type === 'alerting' && rule.state === filter
  }
}

function contains(rule: Rule, group: RuleGroup, text: string): boolean {
  const labels = [rule.labels, ...rule.alerts.map((a) => a.labels)].flatMap((l) => Object.entries(l).map(([k, v]) => `${k}=${v}`))
  return [rule.name, rule.query, group.name, group.file, ...labels].some((t) => t.toLowerCase().includes(text))
}

const RANK: Record<AlertState, number> = { firing: 0, pending: 1, unknown: 2, inactive: 3 }

// Groups keep the server's order, which is that of the files; groups of which
// nothing is left go.
export function filterGroups(groups: RuleGroup[], filter: Filter, text: string): RuleGroup[] {
  const wanted = text.toLowerCase()
  return groups
    .map((g) => ({ ...g, rules: g.rules.filter((r) => passes(r, filter) && (wanted === '' || contains(r, g, wanted))) }))
    .filter((g) => g.rules.length > 0)
}

export function countBy(groups: RuleGroup[]): Record<Filter, number> {
  const counts = Object.fromEntries(FILTERS.map((f) => [f, 0])) as Record<Filter, number>
  for (const rule of groups.flatMap((g) => g.rules)) {
    for (const f of FILTERS) if (passes(rule, f)) counts[f]++
  }
  return counts
}

export function sortAlerts<T extends { state: AlertState; activeAt: number | undefined }>(alerts: T[]): T[] {
  return [...alerts].sort((a, b) => RANK[a.state] - RANK[b.state] || (a.activeAt ?? 0) - (b.activeAt ?? 0))
}
