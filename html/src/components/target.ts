// One target of the targets page.

import type { Dropped, Target } from '../api/targets'
import { fill, h } from '../lib/dom'
import { formatDuration } from '../lib/duration'
import { formatSeconds } from '../lib/number'
import { seriesName } from '../lib/series'
import { formatView } from '../lib/url'
import { badge, labelChips, timeAgo, type Tone } from './bits'

const TONES: Record<Target['health'], Tone> = { up: 'good', down: 'bad', unknown: 'idle' }

export function targetRow(t: Target): HTMLElement {
  const { job, instance } = t.labels
  const expr = seriesName({ __name__: 'up', ...(job !== undefined && { job }), ...(instance !== undefined && { instance }) })
  return h(
    'tr', {},
    h('th', { scope: 'row' },
      h('a', { class: 'mono', href: t.url, rel: 'noreferrer noopener', target: '_blank' }, t.url),
      h('div', { class: 'target-error' }, t.lastError)),
    h('td', {}, h('a', { class: 'target-health', href: formatView('explore', { expr }), title: 'Its history in Explore' }, badge(TONES[t.health], t.health))),
    h('td', {}, labelChips(t.labels), h('details', { class: 'discovered' },
      h('summary', { class: 'small muted' }, 'Discovered labels'), labelChips(t.discovered))),
    h('td', { class: 'num target-scraped', 'data-label': 'scraped' }, timeAgo(t.lastScrape)),
    h('td', { class: 'num target-took', 'data-label': 'took' }),
    h('td', { class: 'num', 'data-label': 'every' }, formatDuration(t.interval)),
  )
}

// what a scrape changes; what the reader has opened stays open
export function updateTarget(el: HTMLElement, t: Target): void {
  const part = (name: string): HTMLElement | null => el.querySelector<HTMLElement>(`.target-${name}`)
  const [error, health, scraped, took] = ['error', 'health', 'scraped', 'took'].map(part)
  if (error && error.textContent !== t.lastError) error.textContent = t.lastError
  if (health && health.textContent !== t.health) fill(health, badge(TONES[t.health], t.health))
  if (took) took.textContent = t.lastScrape === undefined ? '' : formatSeconds(t.lastDuration)
  const time = el.querySelector<HTMLElement>('time')
  if (time && t.lastScrape !== undefined) time.dataset.at = String(t.lastScrape)
  else if (scraped) fill(scraped, timeAgo(t.lastScrape))
}

export function droppedRow(d: Dropped): HTMLElement {
  return h('tr', {}, h('th', { scope: 'row' }, d.pool), h('td', {}, labelChips(d.discovered)))
}
