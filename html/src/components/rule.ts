// One rule of the alerts page, to be opened for its query and its alerts.

import type { Alert, AlertState, Rule } from '../api/rules'
import { h } from '../lib/dom'
import { formatDuration } from '../lib/duration'
import { formatNumber, formatSeconds, plural } from '../lib/number'
import { parseValue, type Labels } from '../lib/series'
import { formatView } from '../lib/url'
import { sortAlerts } from '../pages/alerts_filter'
import { badge, labelChips, timeAgo, type Tone } from './bits'
import { notice } from './state'

const TONES: Record<AlertState, Tone> = { firing: 'bad', pending: 'warn', inactive: 'good', unknown: 'idle' }

// alerts that are listed at once
const MOST = 200

function stateBadge(rule: Rule): HTMLElement {
  if (rule.type === 'recording') return badge('idle', 'recording')
  const n = rule.alerts.filter((a) => a.state === rule.state).length
  return badge(TONES[rule.state], n > 1 ? `${rule.state} ${String(n)}` : rule.state)
}

function texts(annotations: Labels): HTMLElement {
  return h('dl', { class: 'annotations' }, ...Object.entries(annotations).flatMap(([k, v]) => {
    const address = /^https?:\/\/\S+$/.test(v)
    return [h('dt', {}, k), h('dd', {}, address ? h('a', { href: v, rel: 'noreferrer noopener', target: '_blank' }, v) : v)]
  }))
}

function alertRow(alert: Alert): HTMLElement {
  return h(
    'tr', {},
    h('td', {}, badge(TONES[alert.state], alert.state)),
    h('th', { scope: 'row' }, labelChips(alert.labels, ['alertname']), Object.keys(alert.annotations).length > 0 && texts(alert.annotations)),
    h('td', { class: 'nowrap', 'data-label': 'since' }, timeAgo(alert.activeAt)),
    h('td', { class: 'num alert-value', 'data-label': 'value' }),
  )
}

function alertTable(alerts: Alert[]): HTMLElement {
  const head = ['State', 'Labels', 'Since', 'Value'].map((t) => h('th', { scope: 'col', class: t === 'Value' ? 'num' : undefined }, t))
  return h('div', { class: 'scroll-x' }, h('table', { class: 'alert-table' },
    h('thead', {}, h('tr', {}, ...head)),
    h('tbody', {}, ...sortAlerts(alerts).slice(0, MOST).map(alertRow))),
  alerts.length > MOST && h('p', { class: 'muted small pad' }, `The first ${String(MOST)} of ${plural(alerts.length, 'alert')}`))
}

function facts(rule: Rule): HTMLElement {
  const list: [string, string][] = []
  if (rule.duration > 0) list.push(['for', formatDuration(rule.duration)])
  if (rule.keepFiringFor > 0) list.push(['keep firing for', formatDuration(rule.keepFiringFor)])
  return h('div', { class: 'rule-facts small muted' },
    ...list.map(([k, v]) => h('span', {}, `${k} `, h('b', {}, v))),
    Object.keys(rule.labels).length > 0 && labelChips(rule.labels),
    h('span', {}, 'evaluated ', timeAgo(rule.lastEvaluation)),
    h('span', { class: 'rule-took' }))
}

export function makeRule(rule: Rule, open: boolean, onToggle: (open: boolean) => void): HTMLElement {
  const details = h('details', { class: 'rule' },
    h('summary', {}, stateBadge(rule), h('span', { class: 'rule-name' }, rule.name),
      rule.health === 'err' && badge('bad', 'fails'),
      rule.health === 'unknown' && badge('idle', 'not evaluated yet')),
    h('div', { class: 'rule-body' },
      rule.lastError !== '' && notice('bad', rule.lastError),
      h('div', { class: 'rule-query' }, h('code', {}, rule.query),
        h('a', { class: 'button', href: formatView('explore', { expr: rule.query }) }, 'Explore')),
      facts(rule),
      Object.keys(rule.annotations).length > 0 && rule.alerts.length === 0 && texts(rule.annotations),
      rule.alerts.length > 0 && alertTable(rule.alerts)),
  )
  details.open = open
  // a click, or Enter; "toggle" would also come from the line above
  details.querySelector('summary')?.addEventListener('click', () => { onToggle(!details.open) })
  return details
}

// what every evaluation changes
export function updateRule(el: HTMLElement, rule: Rule): void {
  const took = el.querySelector('.rule-took')
  if (took) took.textContent = `took ${formatSeconds(rule.evaluationTime)}`
  const values = el.querySelectorAll<HTMLElement>('.alert-value')
  sortAlerts(rule.alerts).slice(0, MOST).forEach((alert, i) => {
    const cell = values[i]
    if (!cell) return
    cell.textContent = formatNumber(parseValue(alert.value), 4)
    cell.title = alert.value
  })
  const time = el.querySelector<HTMLElement>('.rule-facts time')
  if (time && rule.lastEvaluation !== undefined) time.dataset.at = String(rule.lastEvaluation)
}
