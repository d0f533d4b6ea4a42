// Explore: queries of one's own, as a graph or as a table.

import { isAbort } from '../api/client'
import { historyMenu, type HistoryMenu } from '../components/history_menu'
import { empty } from '../components/state'
import { fill, h, icon } from '../lib/dom'
import { poll } from '../lib/poll'
import { zoomTo } from '../lib/range'
import { onThemeChange } from '../lib/theme'
import { formatView } from '../lib/url'
import type { PageContext, PageMaker } from '../page'
import { ExploreBar } from './explore_bar'
import { ExploreGraph } from './explore_graph'
import { letter } from './explore_lines'
import { QueryRow } from './explore_query'
import { explainQuery, runAll, type Run } from './explore_run'
import { parseState, stateParams, type ExploreState } from './explore_state'
import { ExploreTable } from './explore_table'

const EXAMPLES = [
  'sum by (code) (rate(nginx_http_requests_total[5m]))',
  'histogram_quantile(0.9, sum by (le) (rate(nginx_http_request_duration_seconds_bucket[5m])))',
  'up',
]

class Explore {
  readonly el = h('div', { class: 'page explore' })
  private readonly queries = h('div', { class: 'queries' })
  private readonly busy = h('div', { class: 'busy-line' })
  private readonly answer = h('div', {})
  private readonly bar: ExploreBar
  private readonly graph: ExploreGraph
  private readonly table = new ExploreTable()
  private readonly history: HistoryMenu
  private readonly link = h('a', { class: 'button', href: '#', title: 'This view with its times fixed' })
  private rows: QueryRow[] = []
  private state: ExploreState
  private stop = new AbortController()

  constructor(private readonly context: PageContext) {
    const { signal } = context
    this.state = parseState(context.params)
    this.bar = new ExploreBar((changed) => { this.go(changed) }, signal)
    this.graph = new ExploreGraph((from, to) => { this.go({ range: zoomTo(from, to), refresh: 0 }) })
    this.history = historyMenu((expr) => { this.take(expr) }, signal)
    fill(this.link, icon('M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1'), 'Copy link')
    this.link.addEventListener('click', (e) => { this.copyLink(e) })
    fill(
      this.el,
      h('h1', { class: 'sr-only' }, 'Explore'),
      h('section', { class: 'card', 'aria-label': 'Queries' }, this.queries, this.foot()),
      h('section', { class: 'card', 'aria-label': 'Answer' }, this.bar.el, this.busy, this.answer),
    )
    onThemeChange(() => { this.graph.rebuild() }, signal)
    signal.addEventListener('abort', () => {
      this.stop.abort()
      this.graph.destroy()
    })
    this.update(context.params)
  }

  update(params: URLSearchParams): void {
    this.state = parseState(params)
    this.showRows(this.state.exprs.length > 0 ? this.state.exprs : [''])
    this.bar.show(this.state)
    this.stop.abort()
    this.stop = new AbortController()
    if (this.state.exprs.length === 0) {
      this.showExamples()
      return
    }
    poll((signal) => this.run(signal), this.state.refresh * 1000, this.stop.signal)
  }

  private foot(): HTMLElement {
    const run = h('button', { type: 'button', class: 'button primary', title: 'Enter in the editor', click: () => { this.go({}) } }, 'Run')
    const add = h('button', { type: 'button', class: 'button', click: () => { this.addRow('').focus() } }, 'Add query')
    return h('div', { class: 'query-foot' }, run, add, this.link,
      h('span', { class: 'muted small hint' }, 'Enter runs · Shift+Enter new line · Tab completes'), this.history.el)
  }

  // what the editors hold becomes the address, and that is run
  private go(changed: Partial<ExploreState>): void {
    const exprs = this.rows.map((r) => r.expr.trim()).filter((e) => e !== '')
    for (const expr of exprs) this.history.add(expr)
    this.context.go(stateParams({ ...this.state, exprs, ...changed }))
  }

  private take(expr: string): void {
    const row = this.rows.find((r) => r.expr.trim() === '') ?? this.rows[this.rows.length - 1]
    if (row) row.expr = expr
    this.go({})
  }

  private showRows(exprs: string[]): void {
    while (this.rows.length > exprs.length) this.dropRow(this.rows[this.rows.length - 1])
    exprs.forEach((expr, i) => {
      const row = this.rows[i]
      if (!row) this.addRow(expr)
      else if (row.expr.trim() !== expr) row.expr = expr
    })
    this.letters()
  }

  private addRow(expr: string): QueryRow {
    const row: QueryRow = new QueryRow(expr, {
      onRun: () => { this.go({}) },
      onRemove: () => {
        this.dropRow(row)
        this.letters()
        this.go({})
      },
      onExplain: (expr) => explainQuery(expr, this.state, this.context.signal),
    }, this.context.signal)
    this.rows.push(row)
    this.queries.append(row.el)
    this.letters()
    return row
  }

  private dropRow(row: QueryRow | undefined): void {
    if (!row) return
    this.rows = this.rows.filter((r) => r !== row)
    row.el.remove()
    row.destroy()
  }

  private letters(): void {
    const several = this.rows.length > 1
    this.rows.forEach((row, i) => { row.place(several ? letter(i) : '', several) })
  }

  private showExamples(): void {
    const links = EXAMPLES.map((expr) => h('a', { class: 'mono', href: formatView('explore', { expr }) }, expr))
    fill(this.answer, empty('Ask something', 'Type a query above, or begin with one of these:', h('div', { class: 'examples' }, ...links)))
    this.link.hidden = true
  }

  private async run(signal: AbortSignal): Promise<void> {
    this.busy.classList.add('on')
    try {
      const run = await runAll(this.state, signal)
      if (!signal.aborted) this.show(run)
    } catch (error) {
      if (!isAbort(error) && !signal.aborted) throw error
    } finally {
      if (!signal.aborted) this.busy.classList.remove('on')
    }
  }

  private show(run: Run): void {
    run.outcomes.forEach((outcome, i) => { this.rows[i]?.show(outcome) })
    const graph = this.state.view === 'graph'
    const el = graph ? this.graph.el : this.table.el
    if (this.answer.firstChild !== el) fill(this.answer, el)
    if (graph) this.graph.show(run, this.state.stacked)
    else this.table.show(run)
    this.link.hidden = false
    const range = { kind: 'fixed', from: run.span.from, to: run.span.to } as const
    this.link.href = formatView('explore', stateParams({ ...this.state, range, step: run.step, refresh: 0 }))
  }

  private copyLink(e: MouseEvent): void {
    // without a clipboard, following the link puts it into the address bar;
    // lib.dom says there always is one, plain http has none
    const clipboard = navigator.clipboard as Clipboard | undefined
    if (!clipboard || e.ctrlKey || e.metaKey || e.shiftKey) return
    e.preventDefault()
    clipboard.writeText(this.link.href).then(
      () => { this.flash('Copied') },
      () => { location.href = this.link.href },
    )
  }

  private flash(text: string): void {
    const label = this.link.lastChild
    if (!label) return
    label.textContent = text
    window.setTimeout(() => { label.textContent = 'Copy link' }, 1500)
  }
}

export const explorePage: PageMaker = (context) => new Explore(context)
