// Small pieces that several pages use.

import { momentText } from '../chart/axes'
import { fill, h } from '../lib/dom'
import { ago } from '../lib/duration'
import type { Labels } from '../lib/series'

export type Tone = 'good' | 'warn' | 'bad' | 'idle'

export function badge(tone: Tone, text: string): HTMLElement {
  return h('span', { class: `badge ${tone}` }, text)
}

export function labelChips(labels: Labels, without: string[] = []): HTMLElement {
  const chips = Object.entries(labels)
    .filter(([k]) => !without.includes(k))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => h('span', { class: 'chip' }, h('span', { class: 'chip-name' }, k), '=', h('span', { class: 'chip-value' }, v)))
  return h('span', { class: 'chips' }, ...chips)
}

// "12 s ago": kept true by tickTimes
export function timeAgo(at: number | undefined, never = 'never'): HTMLElement {
  if (at === undefined) return h('span', { class: 'muted' }, never)
  const when = new Date(at * 1000)
  return h('time', { datetime: when.toISOString(), title: momentText(at, 1), 'data-at': at }, ago(at, Date.now() / 1000))
}

export function tickTimes(root: Element): void {
  const now = Date.now() / 1000
  for (const el of root.querySelectorAll<HTMLElement>('time[data-at]')) {
    const text = ago(Number(el.dataset.at), now)
    if (el.textContent !== text) el.textContent = text
  }
}

export interface Choice {
  value: string
  text: string
}

// One of a few: a group of buttons of which one is pressed.
export class Segmented {
  readonly el: HTMLElement
  private value = ''
  private choices: Choice[] = []

  constructor(label: string, private readonly onChoose: (value: string) => void) {
    this.el = h('div', { class: 'segmented', role: 'group', 'aria-label': label })
  }

  show(choices: Choice[], value: string): void {
    const same = choices.length === this.choices.length && choices.every((c, i) => c.value === this.choices[i]?.value)
    if (!same) {
      fill(this.el, ...choices.map((c) => h('button', { type: 'button', 'data-value': c.value, click: () => { this.onChoose(c.value) } })))
    }
    choices.forEach((c, i) => {
      const button = this.el.children[i]
      if (button && button.textContent !== c.text) button.textContent = c.text
      button?.setAttribute('aria-pressed', String(c.value === value))
    })
    this.choices = choices
    this.value = value
  }

  get chosen(): string {
    return this.value
  }
}

export function select(label: string, choices: Choice[], value: string, onChoose: (value: string) => void): HTMLSelectElement {
  const el = h(
    'select',
    { 'aria-label': label, change: (e) => { onChoose((e.target as HTMLSelectElement).value) } },
    ...choices.map((c) => h('option', { value: c.value }, c.text)),
  )
  el.value = value
  return el
}

// Waits until typing pauses.
export function searchField(label: string, value: string, onSearch: (text: string) => void): HTMLInputElement {
  let timer: number | undefined
  const el = h('input', {
    type: 'search', class: 'search', placeholder: label, 'aria-label': label, autocomplete: 'off',
    input: () => {
      // what was typed, whatever else changes the address in the meantime
      const typed = el.value.trim()
      window.clearTimeout(timer)
      timer = window.setTimeout(() => { onSearch(typed) }, 150)
    },
  })
  el.value = value
  return el
}
