// What stands at the cursor: the moment, and the values there by size.

import { append, fill, h, styled } from '../lib/dom'
import { formatUnit, plural, type Unit } from '../lib/number'
import { momentText } from './axes'
import { rankAt, type Line } from './data'

const MOST = 12

export interface TooltipAt {
  time: number
  step: number
  index: number
  lines: Line[]
  // the line nearest to the cursor
  nearest: string | undefined
  unit: Unit
}

export class Tooltip {
  readonly el = h('div', { class: 'tooltip', hidden: true, role: 'status' })

  hide(): void {
    this.el.hidden = true
  }

  show(at: TooltipAt, left: number, top: number, width: number): void {
    const ranked = rankAt(at.lines, at.index)
    const shown = ranked.slice(0, MOST)
    const nearest = ranked.find((r) => r.line.key === at.nearest)
    // the line under the cursor is listed, however small its value
    if (nearest && !shown.includes(nearest)) shown.splice(MOST - 1, 1, nearest)
    fill(this.el, h('div', { class: 'tooltip-time' }, momentText(at.time, at.step)))
    for (const { line, value } of shown) {
      this.el.append(
        h(
          'div',
          { class: line.key === at.nearest ? 'tooltip-row nearest' : 'tooltip-row' },
          styled(h('span', { class: 'swatch' }), { background: line.color }),
          h('span', { class: 'tooltip-name' }, line.label),
          h('span', { class: 'tooltip-value' }, formatUnit(value, at.unit)),
        ),
      )
    }
    if (shown.length === 0) append(this.el, [h('div', { class: 'muted' }, 'no sample here')])
    const rest = ranked.length - shown.length
    if (rest > 0) append(this.el, [h('div', { class: 'muted' }, `and ${plural(rest, 'more', 'more')}`)])
    this.el.hidden = false
    this.place(left, top, width)
  }

  // beside the cursor, on the side that has room
  private place(left: number, top: number, width: number): void {
    const own = this.el.offsetWidth
    const right = left + 16 + own <= width
    const x = right ? left + 16 : Math.max(0, left - 16 - own)
    styled(this.el, { transform: `translate(${String(Math.round(x))}px, ${String(Math.round(Math.max(0, top - 12)))}px)` })
  }
}
