// Dots on a chart: single moments with a value and labels of their own.  Each
// tells them when it is pointed at, or has the focus.

import { fill, h, styled } from '../lib/dom'
import { formatUnit, type Unit } from '../lib/number'
import { momentText } from './axes'

export interface Mark {
  // seconds
  time: number
  value: number
  // what is listed: names and texts
  rows: [string, string][]
}

// more hide what they lie upon, and each is an element
export const MOST_MARKS = 300

// Of too many every nth, so that no part of the time is without.
export function thinned(marks: Mark[], most = MOST_MARKS): Mark[] {
  if (marks.length <= most) return marks
  const sorted = [...marks].sort((a, b) => a.time - b.time)
  return Array.from({ length: most }, (_, i) => sorted[Math.floor((i * sorted.length) / most)]).filter((m) => m !== undefined)
}

// where a mark is, in pixels of a drawing of that size; what lies above or
// below it is at its edge
export interface Place {
  x: (time: number) => number
  y: (value: number) => number
  width: number
  height: number
}

export class Marks {
  readonly el = h('div', { class: 'marks' })

  show(marks: Mark[], place: Place, unit: Unit): void {
    fill(this.el, ...thinned(marks).map((m) => dot(m, place, unit)))
  }
}

function dot(mark: Mark, place: Place, unit: Unit): HTMLElement | null {
  const x = place.x(mark.time)
  if (!Number.isFinite(mark.value) || x < 0 || x > place.width) return null
  const y = Math.min(Math.max(place.y(mark.value), 0), place.height)
  const side = x < place.width / 2 ? 'mark-tip' : 'mark-tip left'
  const rows = mark.rows.map(([name, text]) => h('div', { class: 'tooltip-row' }, h('span', { class: 'tooltip-name' }, name), h('span', { class: 'tooltip-value' }, text)))
  const tip = h('div', { class: `tooltip ${side}` }, h('div', { class: 'tooltip-time' }, momentText(mark.time, 0.001), ' · ', formatUnit(mark.value, unit)), ...rows)
  return styled(h('div', { class: 'mark', tabindex: 0, role: 'note' }, tip), {
    transform: `translate(${String(Math.round(x))}px, ${String(Math.round(y))}px)`,
  })
}
