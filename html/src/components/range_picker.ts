// Which time is shown: back, a menu of ranges and from/to, forward, wider.

import { fill, h, icon } from '../lib/dom'
import { formatDuration, humanDuration, parseDuration } from '../lib/duration'
import { PRESETS, resolveRange, shiftRange, zoomOut, type Range } from '../lib/range'

function two(n: number): string {
  return String(n).padStart(2, '0')
}

// seconds -> what <input type="datetime-local"> wants, in local time
export function toLocal(t: number): string {
  const d = new Date(t * 1000)
  const date = `${String(d.getFullYear())}-${two(d.getMonth() + 1)}-${two(d.getDate())}`
  return `${date}T${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
}

export function fromLocal(text: string): number | undefined {
  const ms = new Date(text).getTime()
  return text === '' || Number.isNaN(ms) ? undefined : ms / 1000
}

export function rangeText(range: Range): string {
  if (range.kind === 'last') return `Last ${humanDuration(range.seconds)}`
  const short = (t: number): string => toLocal(t).replace('T', ' ')
  const [from, to] = [short(range.from), short(range.to)]
  return `${from} – ${from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : to}`
}

export class RangePicker {
  readonly el: HTMLElement
  private range: Range = { kind: 'last', seconds: 3600 }
  private readonly text = h('span', {})
  private readonly presets = h('div', { class: 'presets' })
  private readonly from = h('input', { type: 'datetime-local', step: 1, 'aria-label': 'From' })
  private readonly to = h('input', { type: 'datetime-local', step: 1, 'aria-label': 'To' })
  private readonly wrong = h('p', { class: 'notice bad', role: 'alert', hidden: true })
  private readonly menu: HTMLDetailsElement

  constructor(private readonly onChoose: (range: Range) => void, signal: AbortSignal) {
    const step = (label: string, path: string, next: () => Range): HTMLElement =>
      h('button', { type: 'button', class: 'icon-button', 'aria-label': label, title: label, click: () => { this.onChoose(next()) } }, icon(path))
    const apply = (e: Event): void => {
      e.preventDefault()
      this.applyFixed()
    }
    this.menu = h(
      'details', { class: 'menu' },
      h('summary', { class: 'button', 'aria-label': 'Time shown' }, icon('M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18'), this.text),
      h('div', { class: 'menu-body range-menu' },
        this.presets,
        h('form', { class: 'range-form', submit: apply },
          h('label', {}, 'From', this.from), h('label', {}, 'To', this.to), this.wrong,
          h('button', { type: 'submit', class: 'button primary' }, 'Apply'))),
    )
    this.el = h('div', { class: 'range-picker' },
      step('Earlier', 'M15 5l-7 7 7 7', () => shiftRange(this.range, -1, Date.now() / 1000)),
      this.menu,
      step('Later', 'M9 5l7 7-7 7', () => shiftRange(this.range, 1, Date.now() / 1000)),
      step('Wider', 'M10 4a6 6 0 1 0 0 12 6 6 0 0 0 0-12M15 15l5 5M7 10h6', () => zoomOut(this.range, Date.now() / 1000)))
    closeOutside(this.menu, signal)
  }

  show(range: Range): void {
    this.range = range
    this.text.textContent = rangeText(range)
    const chosen = range.kind === 'last' ? formatDuration(range.seconds) : ''
    fill(this.presets, ...PRESETS.map((p) => h('button', {
      type: 'button', 'aria-pressed': String(p === chosen),
      click: () => { this.choose({ kind: 'last', seconds: parseDuration(p) ?? 3600 }) },
    }, p)))
    const span = resolveRange(range, Date.now() / 1000)
    this.from.value = toLocal(span.from)
    this.to.value = toLocal(span.to)
    this.wrong.hidden = true
  }

  private choose(range: Range): void {
    this.menu.open = false
    this.onChoose(range)
  }

  private applyFixed(): void {
    const from = fromLocal(this.from.value)
    const to = fromLocal(this.to.value)
    if (from !== undefined && to !== undefined && from < to) {
      this.choose({ kind: 'fixed', from, to })
      return
    }
    this.wrong.hidden = false
    this.wrong.textContent = from === undefined || to === undefined ? 'Both times are needed' : 'The end must come after the beginning'
  }
}

// A menu closes at Escape and at a click elsewhere.
export function closeOutside(menu: HTMLDetailsElement, signal: AbortSignal): void {
  document.addEventListener('click', (e) => {
    if (menu.open && e.target instanceof Node && !menu.contains(e.target)) menu.open = false
  }, { signal })
  menu.addEventListener('keydown', (e) => {
    if (e.key !== 'Escape' || !menu.open) return
    menu.open = false
    menu.querySelector('summary')?.focus()
  })
}
