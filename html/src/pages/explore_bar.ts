// The controls of Explore: time, step, refresh, form of the answer.

import { Segmented, select } from '../components/bits'
import { RangePicker } from '../components/range_picker'
import { fill, h } from '../lib/dom'
import { formatDuration, parseDuration } from '../lib/duration'
import { chooseStep, resolveRange } from '../lib/range'
import { REFRESHES, type ExploreState } from './explore_state'

export type Change = (changed: Partial<ExploreState>) => void

export class ExploreBar {
  readonly el = h('div', { class: 'explore-bar' })
  private readonly views: Segmented
  private readonly ranges: RangePicker
  private readonly step: HTMLInputElement
  private readonly stacked: HTMLInputElement
  private readonly exemplars: HTMLInputElement
  private readonly refresh: HTMLSelectElement
  private readonly graphOnly: HTMLElement[]

  constructor(change: Change, signal: AbortSignal) {
    this.views = new Segmented('Form of the answer', (view) => { change({ view: view === 'table' ? 'table' : 'graph' }) })
    this.ranges = new RangePicker((range) => { change({ range }) }, signal)
    this.step = h('input', { type: 'text', placeholder: 'auto', 'aria-label': 'Step, for example 30s; empty: as suits the range', autocomplete: 'off', change: () => {
      const step = parseDuration(this.step.value)
      const wrong = this.step.value.trim() !== '' && (step === undefined || step <= 0)
      this.step.setAttribute('aria-invalid', String(wrong))
      if (!wrong) change({ step })
    } })
    this.stacked = h('input', { type: 'checkbox', change: () => { change({ stacked: this.stacked.checked }) } })
    this.exemplars = h('input', { type: 'checkbox', change: () => { change({ exemplars: this.exemplars.checked }) } })
    const choices = REFRESHES.map((s) => ({ value: String(s), text: s === 0 ? 'off' : formatDuration(s) }))
    this.refresh = select('Refresh every', choices, '0', (s) => { change({ refresh: Number(s) }) })
    this.graphOnly = [h('label', { class: 'field' }, 'Step', this.step), h('label', { class: 'field' }, this.stacked, 'Stacked'), h('label', { class: 'field' }, this.exemplars, 'Exemplars')]
    fill(this.el, this.views.el, this.ranges.el, ...this.graphOnly, h('label', { class: 'field push' }, 'Refresh', this.refresh))
  }

  show(state: ExploreState): void {
    this.views.show([{ value: 'graph', text: 'Graph' }, { value: 'table', text: 'Table' }], state.view)
    this.ranges.show(state.range)
    if (document.activeElement !== this.step) this.step.value = state.step === undefined ? '' : formatDuration(state.step)
    this.step.placeholder = formatDuration(chooseStep(resolveRange(state.range, Date.now() / 1000), undefined))
    this.stacked.checked = state.stacked
    this.exemplars.checked = state.exemplars
    this.refresh.value = String(state.refresh)
    for (const el of this.graphOnly) el.hidden = state.view === 'table'
  }
}
