// One query of Explore: its editor, and what the server said to it.

import { fill, h, icon } from '../lib/dom'
import { formatSeconds, plural } from '../lib/number'
import { isAbort, errorText } from '../api/client'
import type { PlanNode } from '../api/explain'
import { planTable } from '../components/plan'
import { notice } from '../components/state'
import type { Editor } from '../promql/editor'
import { errorPlace, type Place } from '../promql/error'
import type { Outcome } from './explore_run'

export interface QueryHooks {
  onRun: () => void
  onRemove: () => void
  onExplain: (expr: string) => Promise<PlanNode>
}

export class QueryRow {
  readonly el: HTMLElement
  private readonly plain: HTMLTextAreaElement
  private readonly host = h('div', { class: 'query-editor' })
  private readonly tag = h('span', { class: 'query-letter', 'aria-hidden': 'true' })
  private readonly said = h('div', { class: 'query-said', 'aria-live': 'polite' })
  private readonly remove: HTMLButtonElement
  private editor: Editor | undefined
  private text: string
  // of the last error; the editor may come after it
  private wrong: Place | undefined

  constructor(expr: string, private readonly hooks: QueryHooks, signal: AbortSignal) {
    this.text = expr
    // a plain field until the editor has come, and where it cannot
    this.plain = h('textarea', {
      class: 'query-plain', rows: 1, 'aria-label': 'Query', spellcheck: 'false',
      input: () => { this.text = this.plain.value },
      keydown: (e) => {
        if (!(e instanceof KeyboardEvent) || e.key !== 'Enter' || e.shiftKey) return
        e.preventDefault()
        hooks.onRun()
      },
    })
    this.plain.value = expr
    this.host.append(this.plain)
    this.remove = h('button', { type: 'button', class: 'icon-button', 'aria-label': 'Remove this query', title: 'Remove', click: hooks.onRemove }, icon('M6 6l12 12M18 6L6 18'))
    this.el = h('div', { class: 'query' }, h('div', { class: 'query-line' }, this.tag, this.host, this.remove), this.said)
    signal.addEventListener('abort', () => { this.destroy() })
    void this.loadEditor(signal)
  }

  get expr(): string {
    return this.text
  }

  set expr(text: string) {
    this.text = text
    this.plain.value = text
    if (this.editor) this.editor.value = text
  }

  focus(): void {
    if (this.editor) this.editor.focus()
    else this.plain.focus()
  }

  // which of several it is
  place(letter: string, removable: boolean): void {
    this.tag.textContent = letter
    this.tag.hidden = letter === ''
    this.remove.hidden = !removable
  }

  show(outcome: Outcome): void {
    const { error, result, warnings, infos, seconds, expr } = outcome
    const place = error === undefined ? undefined : errorPlace(error, expr)
    this.wrong = expr === this.text.trim() ? place : undefined
    this.editor?.underline(this.wrong)
    const count = result?.series.reduce((n, s) => n + s.samples.length, 0) ?? 0
    const summary = result && [plural(result.series.length, 'series', 'series'), plural(count, 'sample'), formatSeconds(seconds)].join(' · ')
    fill(
      this.said,
      error !== undefined && notice('bad', error.replace(/^invalid parameter "query": /, '')),
      ...warnings.map((w) => notice('warn', w)),
      ...infos.map((i) => notice('info', i)),
      summary !== undefined && this.summary(summary, expr),
    )
  }

  private summary(text: string, expr: string): HTMLElement {
    const plan = h('div', {})
    const ask = h('button', { type: 'button', class: 'link-button', title: 'What each part of it takes', click: () => { void this.explain(expr, plan) } }, 'Explain')
    return h('div', { class: 'query-summary muted small' }, text, ' · ', ask, plan)
  }

  private async explain(expr: string, into: HTMLElement): Promise<void> {
    if (into.hasChildNodes()) {
      into.replaceChildren()
      return
    }
    try {
      fill(into, planTable(await this.hooks.onExplain(expr)))
    } catch (error) {
      if (!isAbort(error)) fill(into, notice('bad', errorText(error)))
    }
  }

  destroy(): void {
    this.editor?.destroy()
    this.editor = undefined
  }

  private async loadEditor(signal: AbortSignal): Promise<void> {
    try {
      const { Editor } = await import('../promql/editor')
      if (signal.aborted) return
      const focused = document.activeElement === this.plain
      const editor = new Editor({ expr: this.text, label: 'Query', onRun: this.hooks.onRun, onChange: (text) => { this.text = text } })
      this.editor = editor
      editor.underline(this.wrong)
      this.host.replaceChildren(editor.el)
      if (focused) editor.focus()
    } catch {
      // the plain field stays, and works
    }
  }
}
