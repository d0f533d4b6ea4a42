// The alerts that fire, or that none does: one strip of the overview.

import type { Alert } from '../api/rules'
import { h, syncList } from '../lib/dom'
import { plural } from '../lib/number'
import { seriesName } from '../lib/series'
import { formatView } from '../lib/url'
import { badge, labelChips, tickTimes, timeAgo } from './bits'

const MOST = 8

export interface FiringList {
  el: HTMLElement
  show(alerts: Alert[]): void
}

function row(alert: Alert): HTMLElement {
  const name = alert.labels.alertname ?? ''
  const href = formatView('alerts', { q: name })
  const text = alert.annotations.summary ?? alert.annotations.description ?? ''
  return h(
    'li', { class: 'firing-row' },
    badge(alert.state === 'firing' ? 'bad' : 'warn', alert.state),
    h('a', { href }, name),
    text !== '' ? h('span', { class: 'firing-text' }, text) : labelChips(alert.labels, ['alertname']),
    h('span', { class: 'muted small firing-time' }, timeAgo(alert.activeAt)),
  )
}

export function firingList(): FiringList {
  const head = h('div', { class: 'firing-head' })
  const rows = h('ul', { class: 'firing-rows' })
  const el = h('section', { class: 'card firing', 'aria-label': 'Alerts', hidden: true }, head, rows)
  const show = (alerts: Alert[]): void => {
    const firing = alerts.filter((a) => a.state === 'firing')
    const pending = alerts.filter((a) => a.state === 'pending')
    el.hidden = false
    head.replaceChildren(
      firing.length > 0 ? badge('bad', `${plural(firing.length, 'alert')} firing`) : badge('good', 'No alert fires'),
      pending.length > 0 ? badge('warn', `${String(pending.length)} pending`) : '',
      h('a', { class: 'small', href: formatView('alerts') }, 'All alerts'),
    )
    syncList(rows, [...firing, ...pending].slice(0, MOST), {
      key: (a) => seriesName(a.labels),
      shape: (a) => JSON.stringify([a.state, a.activeAt, a.annotations]),
      make: row,
    })
    tickTimes(rows)
  }
  return { el, show }
}
