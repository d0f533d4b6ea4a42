// Overview: this nginx, live.

import { alerts } from '../api/alerts'
import { errorText, isAbort } from '../api/client'
import { query } from '../api/query'
import { queryRange } from '../api/query_range'
import { tsdb } from '../api/status_tsdb'
import { targets } from '../api/targets'
import type { ChartData, Line } from '../chart/data'
import { Segmented, select } from '../components/bits'
import { firingList } from '../components/firing'
import { Panel } from '../components/panel'
import { notice } from '../components/state'
import { fill, h } from '../lib/dom'
import { poll, type Poll } from '../lib/poll'
import { alignSpan, autoStep, parseRange, rateWindow } from '../lib/range'
import { gridTimes, toGrid } from '../lib/series'
import { onThemeChange } from '../lib/theme'
import { follow, rates, type Seen } from '../lib/trail'
import { formatView } from '../lib/url'
import type { PageContext, PageMaker } from '../page'
import { classColor, overviewPanels, type PanelLine, type PanelSpec } from './overview_panels'

const EVERY = 5000
const RANGES = ['15m', '30m', '1h', '6h']

// kept while the page is open, whichever view is shown
let trail: Seen[] = []

interface Grid {
  from: number
  to: number
  step: number
}

async function drawLine(line: PanelLine, grid: Grid, signal: AbortSignal): Promise<Line[]> {
  const { data } = await queryRange({ expr: line.expr, ...grid, limit: 20 }, signal)
  const n = gridTimes(grid.from, grid.to, grid.step).length
  return data.series
    .map((s) => {
      const label = line.by === undefined ? line.label : (s.labels[line.by] ?? '')
      const color = line.by === undefined ? line.color : classColor(label)
      return { key: label, label, color, values: toGrid(s.samples, grid.from, grid.step, n) }
    })
    .sort((a, b) => (a.label < b.label ? -1 : 1))
}

function ownData(spec: PanelSpec): ChartData {
  const color = spec.lines[0]?.color ?? ''
  const line = (values: (number | null)[]): Line => ({ key: 'own', label: spec.title, color, values })
  if (spec.own === 'samples') {
    const { times, values } = rates(trail)
    return { times, lines: [line(values)] }
  }
  return { times: trail.map((s) => s.t), lines: [line(trail.map((s) => s.bytes))] }
}

class Overview {
  readonly el = h('div', { class: 'page overview' })
  private readonly grid = h('div', { class: 'panels' })
  private readonly problem = h('div', { hidden: true })
  private readonly firing = firingList()
  private readonly instances = h('span', {})
  private readonly ranges: Segmented
  private panels = new Map<string, Panel>()
  private window = '1m'
  private shownWith = ''
  private readonly polling: Poll

  constructor(private readonly context: PageContext) {
    this.ranges = new Segmented('Time shown', (range) => { this.go({ range }) })
    fill(
      this.el,
      h('div', { class: 'page-head' }, h('h1', {}, 'Overview'), this.instances, this.ranges.el),
      this.problem, this.firing.el, this.grid,
    )
    this.build()
    this.polling = poll((signal) => this.refresh(signal), EVERY, context.signal)
    onThemeChange(() => { for (const p of this.panels.values()) p.rebuild() }, context.signal)
    context.signal.addEventListener('abort', () => { for (const p of this.panels.values()) p.destroy() })
  }

  update(params: URLSearchParams): void {
    this.context.params = params
    this.build()
    this.polling.now()
  }

  private go(changed: Record<string, string>): void {
    const { params } = this.context
    this.context.go({ range: params.get('range') ?? undefined, instance: params.get('instance') ?? undefined, ...changed })
  }

  private get range(): string {
    const range = this.context.params.get('range') ?? '30m'
    return RANGES.includes(range) ? range : '30m'
  }

  private get specs(): PanelSpec[] {
    const instance = this.context.params.get('instance')
    return overviewPanels(instance ? `instance=${JSON.stringify(instance)}` : '', this.window)
  }

  // anew only where titles lead elsewhere than before
  private build(): void {
    this.ranges.show(RANGES.map((r) => ({ value: r, text: r })), this.range)
    const shape = [this.range, this.window, this.context.params.get('instance') ?? ''].join(' ')
    if (shape === this.shownWith) return
    this.shownWith = shape
    for (const p of this.panels.values()) p.destroy()
    this.panels = new Map(this.specs.map((spec) => {
      const href = formatView('explore', { expr: spec.lines.map((l) => l.expr), range: this.range })
      const { title, unit, stacked = false, total = false } = spec
      return [spec.id, new Panel({ title, unit, href, stacked, total })]
    }))
    fill(this.grid, ...[...this.panels.values()].map((p) => p.el))
  }

  private async refresh(signal: AbortSignal): Promise<void> {
    try {
      await this.look(signal)
      const now = Date.now() / 1000
      const step = autoStep(this.seconds)
      const grid = { ...alignSpan({ from: now - this.seconds, to: now }, step), step }
      await Promise.all(this.specs.map((spec) => this.draw(spec, grid, signal)))
    } catch (error) {
      if (!isAbort(error) && !signal.aborted) this.fail(error)
    }
  }

  private get seconds(): number {
    const range = parseRange(new URLSearchParams({ range: this.range }))
    return range.kind === 'last' ? range.seconds : 1800
  }

  // what decides how to query, and what needs no query
  private async look(signal: AbortSignal): Promise<void> {
    const [found, active, store, servers] = await Promise.all([
      targets('active', signal), alerts(signal), tsdb(1, signal), query('count by (instance) (nginx_connections_active)', undefined, signal),
    ])
    this.problem.hidden = true
    this.window = rateWindow(found.active.map((t) => t.interval))
    this.build()
    this.firing.show(active)
    this.showInstances(servers.data.series.map((s) => s.labels.instance ?? '').sort())
    if (store.store) trail = follow(trail, { t: Date.now() / 1000, appended: store.store.samplesAppended, bytes: store.store.usedBytes })
  }

  private showInstances(names: string[]): void {
    const chosen = this.context.params.get('instance') ?? ''
    const all = [{ value: '', text: 'All nginx' }, ...names.map((n) => ({ value: n, text: n }))]
    const shape = JSON.stringify([all, chosen])
    if (names.length < 2 && chosen === '') fill(this.instances)
    else if (this.instances.dataset.shape !== shape) {
      this.instances.dataset.shape = shape
      fill(this.instances, select('Which nginx', all, chosen, (instance) => { this.go({ instance }) }))
    }
  }

  private async draw(spec: PanelSpec, grid: Grid, signal: AbortSignal): Promise<void> {
    const panel = this.panels.get(spec.id)
    if (!panel) return
    try {
      const lines = (await Promise.all(spec.lines.map((l) => drawLine(l, grid, signal)))).flat()
      if (signal.aborted) return
      if (lines.length > 0 || !spec.own) panel.show({ times: gridTimes(grid.from, grid.to, grid.step), lines })
      else this.drawOwn(panel, spec)
    } catch (error) {
      if (!isAbort(error) && !signal.aborted) panel.say(errorText(error))
    }
  }

  private drawOwn(panel: Panel, spec: PanelSpec): void {
    const data = ownData(spec)
    const last = trail[trail.length - 1]
    if (data.times.length > 1) panel.show(data)
    else if (last && spec.own === 'bytes') panel.showValue(last.bytes, 'The chart begins now')
    else panel.say(last ? 'The chart begins now' : 'This server does not say')
  }

  private fail(error: unknown): void {
    this.problem.hidden = false
    fill(this.problem, notice('bad', `${errorText(error)}. Trying again every ${String(EVERY / 1000)} s.`))
  }
}

export const overviewPage: PageMaker = (context) => new Overview(context)
