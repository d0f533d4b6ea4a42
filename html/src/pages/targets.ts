// Targets: what is scraped, how it answers, and what was dropped.

import { errorText, isAbort } from '../api/client'
import { targets, type Dropped, type Target, type Targets } from '../api/targets'
import { Segmented, badge, searchField, tickTimes } from '../components/bits'
import { droppedRow, targetRow, updateTarget } from '../components/target'
import { empty, failure, loading, notice } from '../components/state'
import { fill, h, syncList } from '../lib/dom'
import { plural } from '../lib/number'
import { poll, type Poll } from '../lib/poll'
import { matchesText, seriesName } from '../lib/series'
import type { PageContext, PageMaker } from '../page'

const EVERY = 5000

// rows of one pool that are drawn
const MOST = 500

interface Pool {
  name: string
  up: number
  targets: Target[]
  total: number
}

const HEADS = ['Target', 'State', 'Labels', 'Last scrape', 'Duration', 'Interval']

export function groupPools(active: Target[], health: string, text: string): Pool[] {
  const pools = new Map<string, Pool>()
  for (const t of active) {
    const pool = pools.get(t.pool) ?? { name: t.pool, up: 0, targets: [], total: 0 }
    pools.set(t.pool, pool)
    pool.total++
    if (t.health === 'up') pool.up++
    const found = text === '' || matchesText(t.labels, text) || [t.url, t.pool, t.lastError].some((s) => s.toLowerCase().includes(text.toLowerCase()))
    if (found && (health === 'all' || t.health === health)) pool.targets.push(t)
  }
  return [...pools.values()].filter((p) => p.targets.length > 0).sort((a, b) => (a.name < b.name ? -1 : 1))
}

class TargetsView {
  readonly el = h('div', { class: 'page' })
  private readonly filters: Segmented
  private readonly search: HTMLInputElement
  private readonly problem = h('div', { hidden: true })
  private readonly note = h('div', {}, loading())
  private readonly list = h('div', { class: 'groups' })
  private readonly polling: Poll
  private found: Targets | undefined

  constructor(private readonly context: PageContext) {
    this.filters = new Segmented('Health', (health) => { this.go({ health: health === 'all' ? undefined : health }) })
    this.search = searchField('Search addresses, labels, errors', context.params.get('q') ?? '', (q) => { this.go({ q }) })
    fill(this.el, h('div', { class: 'page-head' }, h('h1', {}, 'Targets'), this.search, this.filters.el), this.problem, this.note, this.list)
    this.polling = poll((signal) => this.refresh(signal), EVERY, context.signal)
    const clock = window.setInterval(() => { tickTimes(this.el) }, 1000)
    context.signal.addEventListener('abort', () => { window.clearInterval(clock) })
  }

  update(params: URLSearchParams): void {
    this.context.params = params
    if (document.activeElement !== this.search) this.search.value = params.get('q') ?? ''
    this.show()
  }

  private go(changed: Record<string, string | undefined>): void {
    const { params } = this.context
    this.context.go({ q: params.get('q') ?? undefined, health: params.get('health') ?? undefined, ...changed }, true)
  }

  private async refresh(signal: AbortSignal): Promise<void> {
    try {
      this.found = await targets('any', signal)
      this.problem.hidden = true
      this.show()
    } catch (error) {
      if (isAbort(error) || signal.aborted) return
      if (!this.found) fill(this.note, failure(errorText(error), () => { this.polling.now() }))
      else {
        this.problem.hidden = false
        fill(this.problem, notice('bad', errorText(error)))
      }
    }
  }

  private show(): void {
    if (!this.found) return
    const { active, dropped } = this.found
    const health = this.context.params.get('health') ?? 'all'
    const count = (value: string): number => active.filter((t) => t.health === value).length
    this.filters.show([
      { value: 'all', text: `All ${String(active.length)}` }, { value: 'up', text: `Up ${String(count('up'))}` },
      { value: 'down', text: `Down ${String(count('down'))}` }, { value: 'unknown', text: `Unknown ${String(count('unknown'))}` },
      { value: 'dropped', text: `Dropped ${String(dropped.length)}` },
    ], health)
    const text = this.context.params.get('q') ?? ''
    if (health === 'dropped') this.showDropped(dropped.filter((d) => text === '' || matchesText(d.discovered, text)))
    else this.showPools(groupPools(active, health, text))
    tickTimes(this.el)
  }

  private showPools(pools: Pool[]): void {
    if (this.found?.active.length === 0) fill(this.note, empty('No targets', 'Name some in prometheus.yml under scrape_configs.'))
    else if (pools.length === 0) fill(this.note, empty('No target matches'))
    else this.note.replaceChildren()
    syncList(this.list, pools, {
      key: (p) => `pool ${p.name}`,
      shape: (p) => JSON.stringify([p.targets.length > MOST]),
      make: (p) => h('section', { class: 'card' },
        h('div', { class: 'card-head' }, h('h2', {}, p.name), h('span', { class: 'pool-up' })),
        h('div', { class: 'scroll-x' }, h('table', { class: 'targets' },
          h('thead', {}, h('tr', {}, ...HEADS.map((t, i) => h('th', { scope: 'col', class: i > 2 ? 'num' : undefined }, t)))), h('tbody', {}))),
        p.targets.length > MOST && h('p', { class: 'muted small pad' }, `The first ${String(MOST)} are shown. Search to see others.`)),
      update: (el, p) => {
        const up = el.querySelector('.pool-up')
        if (up) fill(up, badge(p.up === p.total ? 'good' : p.up === 0 ? 'bad' : 'warn', `${String(p.up)} of ${String(p.total)} up`))
        const body = el.querySelector('tbody')
        if (body) this.showTargets(body, p.targets.slice(0, MOST))
      },
    })
  }

  private showTargets(body: Element, list: Target[]): void {
    syncList(body, list, {
      key: (t) => `${t.url} ${seriesName(t.labels)}`,
      shape: (t) => JSON.stringify([t.interval]),
      make: targetRow,
      update: updateTarget,
    })
  }

  private showDropped(list: Dropped[]): void {
    this.note.replaceChildren()
    if (this.found?.dropped.length === 0) fill(this.note, empty('No target was dropped', 'Relabelling keeps all that were discovered.'))
    else if (list.length === 0) fill(this.note, empty('No target matches'))
    syncList(this.list, list.length === 0 ? [] : [list], {
      key: () => 'dropped',
      shape: (all) => JSON.stringify(all),
      make: (all) => h('section', { class: 'card' },
        h('div', { class: 'card-head' }, h('h2', {}, 'Dropped by relabelling'), badge('idle', plural(all.length, 'target'))),
        h('div', { class: 'scroll-x' }, h('table', {},
          h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Pool'), h('th', { scope: 'col' }, 'Discovered labels'))),
          h('tbody', {}, ...all.slice(0, MOST).map(droppedRow))))),
    })
  }
}

export const targetsPage: PageMaker = (context) => new TargetsView(context)
