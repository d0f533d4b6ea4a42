// A number and how it came about: the panels of the overview.

import { Chart } from '../chart/chart'
import { lastValue, type ChartData } from '../chart/data'
import { fill, h, styled } from '../lib/dom'
import { formatUnit, type Unit } from '../lib/number'

export interface PanelOptions {
  title: string
  unit: Unit
  href: string
  stacked: boolean
  // the large number is the sum of the lines, not the first
  total: boolean
}

function swatch(color: string): HTMLElement {
  return styled(h('span', { class: 'swatch' }), { background: color })
}

export class Panel {
  readonly el: HTMLElement
  private readonly chart: Chart
  private readonly value = h('div', { class: 'panel-value' }, '…')
  // which line the large number is of
  private readonly of = h('span', { class: 'panel-of' })
  private readonly parts = h('div', { class: 'panel-parts' })
  private readonly note = h('div', { class: 'panel-note muted', hidden: true })

  constructor(private readonly options: PanelOptions) {
    const { title, unit, stacked } = options
    this.chart = new Chart({ height: 132, unit, label: `${title} over time`, stacked, filled: true, small: true, fromZero: unit !== 'bytes' })
    this.el = h(
      'section', { class: 'card panel', 'aria-label': title },
      h('h2', {}, h('a', { href: options.href, title: 'Open in Explore' }, title)),
      h('div', { class: 'panel-head' }, this.value, this.of, this.parts),
      this.chart.el, this.note,
    )
  }

  show(data: ChartData): void {
    const drawn = data.lines.filter((l) => l.values.some((v) => v !== null))
    if (drawn.length === 0) {
      this.say('No samples in this time')
      return
    }
    this.note.hidden = true
    this.chart.el.hidden = false
    this.chart.show({ times: data.times, lines: drawn })
    const last = drawn.map((l) => lastValue(l.values))
    const first = this.options.total ? last.reduce<number>((sum, v) => sum + (v ?? 0), 0) : last[0]
    this.value.textContent = first === undefined ? '–' : formatUnit(first, this.options.unit)
    const several = drawn.length > 1
    const own = several && !this.options.total ? drawn[0] : undefined
    fill(this.of, own && swatch(own.color), own?.label)
    fill(this.parts, ...drawn.map((line, i) => {
      const v = last[i]
      return several && line !== own &&
        h('span', { class: 'panel-part' }, swatch(line.color), `${line.label} `, h('b', {}, v === undefined ? '–' : formatUnit(v, this.options.unit)))
    }))
  }

  say(text: string): void {
    this.value.textContent = '–'
    this.parts.replaceChildren()
    this.of.textContent = ''
    this.chart.el.hidden = true
    this.note.hidden = false
    this.note.textContent = text
  }

  // a number that is known though there is no chart yet
  showValue(value: number, note: string): void {
    this.say(note)
    this.value.textContent = formatUnit(value, this.options.unit)
  }

  rebuild(): void {
    this.chart.rebuild()
  }

  destroy(): void {
    this.chart.destroy()
  }
}
