// Status: how large the store is and what fills it, what runs, and how it was
// set up.

import { errorText, isAbort } from '../api/client'
import { buildinfo } from '../api/status_buildinfo'
import { config } from '../api/status_config'
import { flags } from '../api/status_flags'
import { runtimeinfo } from '../api/status_runtimeinfo'
import { tsdb, type Tsdb } from '../api/status_tsdb'
import { momentText } from '../chart/axes'
import { Segmented, searchField } from '../components/bits'
import { countTable, pairTable } from '../components/tables'
import { empty, failure, loading } from '../components/state'
import { fill, h } from '../lib/dom'
import { humanDuration } from '../lib/duration'
import { formatBytes, formatCount, formatNumber } from '../lib/number'
import type { PageContext, PageMaker } from '../page'

const TABS = [
  { value: 'store', text: 'Store' },
  { value: 'runtime', text: 'Runtime' },
  { value: 'flags', text: 'Flags' },
  { value: 'config', text: 'Configuration' },
]

const LIMITS = ['10', '25', '100']

function stat(title: string, value: string, note = ''): HTMLElement {
  return h('div', { class: 'card stat' }, h('h3', {}, title), h('div', { class: 'panel-value' }, value), note !== '' && h('div', { class: 'muted small' }, note))
}

function storeStats(t: Tsdb): HTMLElement {
  const s = t.store
  const held = t.minTime !== undefined && t.maxTime !== undefined && t.maxTime >= t.minTime ? humanDuration(t.maxTime - t.minTime) : '–'
  const since = t.minTime === undefined ? '' : `since ${momentText(t.minTime, 60)}`
  return h(
    'div', { class: 'stats' },
    stat('Series', formatCount(t.series)),
    stat('Time held', held, since),
    s && stat('Used', formatBytes(s.usedBytes), `of a file of ${formatBytes(s.fileBytes)}, ${formatBytes(s.mapBytes)} at most`),
    s && stat('Samples', formatNumber(s.samplesAppended), `stored since the start, ${formatCount(s.samplesRefused)} refused`),
    s && stat('Rows and packs', formatNumber(s.packs), `packs, and ${formatCount(s.rows)} rows not sealed yet`),
    s && stat('Commits', formatCount(s.commits), 'since the start'),
    !s && stat('Chunks', formatCount(t.chunks)),
  )
}

function storeView(t: Tsdb): HTMLElement[] {
  const quote = (v: string): string => JSON.stringify(v)
  const pair = (name: string): string => {
    const [label = '', ...value] = name.split('=')
    return `{${label}=${quote(value.join('='))}}`
  }
  return [
    storeStats(t),
    h('div', { class: 'counts' },
      countTable({ title: 'Series by metric', unit: 'series', counts: t.seriesByMetric, expr: (n) => `{__name__=${quote(n)}}` }),
      countTable({ title: 'Series by label and value', unit: 'series', counts: t.seriesByPair, expr: pair }),
      countTable({ title: 'Values by label', unit: 'values', counts: t.valuesByLabel, expr: (n) => `count by (${n}) ({${n}!=""})` }),
      countTable({ title: 'Bytes by label', unit: 'bytes', counts: t.bytesByLabel })),
  ]
}

class Status {
  readonly el = h('div', { class: 'page' })
  private readonly tabs: Segmented
  private readonly body = h('div', { class: 'page' })
  private readonly limits: Segmented
  private readonly search: HTMLInputElement
  private request = new AbortController()

  constructor(private readonly context: PageContext) {
    this.tabs = new Segmented('Part', (tab) => { context.go({ tab: tab === 'store' ? undefined : tab }) })
    this.limits = new Segmented('Rows of each table', (top) => { context.go({ top: top === '10' ? undefined : top }) })
    this.search = searchField('Search', context.params.get('q') ?? '', (q) => { context.go({ tab: this.tab, q }, true) })
    fill(this.el, h('div', { class: 'page-head' }, h('h1', {}, 'Status'), this.search, this.limits.el, this.tabs.el), this.body)
    context.signal.addEventListener('abort', () => { this.request.abort() })
    this.update(context.params)
  }

  update(params: URLSearchParams): void {
    this.context.params = params
    this.tabs.show(TABS, this.tab)
    this.limits.show(LIMITS.map((l) => ({ value: l, text: `Top ${l}` })), this.top)
    this.limits.el.hidden = this.tab !== 'store'
    this.search.hidden = this.tab !== 'flags'
    if (this.body.childElementCount === 0 || this.body.dataset.tab !== this.tab) fill(this.body, loading())
    this.body.dataset.tab = this.tab
    void this.load()
  }

  private get tab(): string {
    const tab = this.context.params.get('tab')
    return TABS.find((t) => t.value === tab)?.value ?? 'store'
  }

  private get top(): string {
    const top = this.context.params.get('top') ?? ''
    return LIMITS.includes(top) ? top : '10'
  }

  private async load(): Promise<void> {
    this.request.abort()
    this.request = new AbortController()
    const { signal } = this.request
    try {
      const parts = await this.parts(signal)
      if (!signal.aborted) fill(this.body, ...parts)
    } catch (error) {
      if (!isAbort(error) && !signal.aborted) fill(this.body, failure(errorText(error), () => { this.update(this.context.params) }))
    }
  }

  private async parts(signal: AbortSignal): Promise<HTMLElement[]> {
    switch (this.tab) {
      case 'runtime': {
        const [runtime, build] = await Promise.all([runtimeinfo(signal), buildinfo(signal)])
        // what a server that is not written in Go has no value for
        const said = (list: [string, string][]): [string, string][] => list.filter(([k, v]) => v !== '' && !(/^go/i.test(k) && v === '0'))
        return [h('div', { class: 'counts' }, pairTable('Runtime', said(runtime)), pairTable('Build', said(build)))]
      }
      case 'flags': {
        const text = (this.context.params.get('q') ?? '').toLowerCase()
        const list = (await flags(signal)).filter(([k, v]) => `${k} ${v}`.toLowerCase().includes(text)).sort(([a], [b]) => (a < b ? -1 : 1))
        return [list.length > 0 ? pairTable('Flags', list) : empty('No flag matches')]
      }
      case 'config': {
        const yaml = await config(signal)
        return [yaml === '' ? empty('No configuration is loaded') : h('section', { class: 'card' }, h('pre', { class: 'config', tabindex: 0, 'aria-label': 'Configuration' }, yaml))]
      }
      default:
        return storeView(await tsdb(Number(this.top), signal))
    }
  }
}

export const statusPage: PageMaker = (context) => new Status(context)
