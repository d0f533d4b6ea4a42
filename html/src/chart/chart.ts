// A chart of lines over time.  The one file that knows uPlot.

import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { h } from '../lib/dom'
import type { Unit } from '../lib/number'
import { binaryIncrements, timeLabels, valueLabels } from './axes'
import { fade, resolveColor } from './colors'
import { Marks, type Mark } from './marks'
import { lonely, stack, valueScale, type ChartData, type Column, type Line } from './data'
import { Tooltip } from './tooltip'

export interface ChartOptions {
  height: number
  unit: Unit
  label: string
  // values as areas upon each other
  stacked?: boolean
  // an area below a line that is alone
  filled?: boolean
  // without room for a second line below the time axis
  small?: boolean
  fromZero?: boolean
  onZoom?: (from: number, to: number) => void
}

export class Chart {
  readonly el: HTMLElement
  private readonly tooltip = new Tooltip()
  private readonly dots = new Marks()
  private readonly resize: ResizeObserver
  private plot: uPlot | undefined
  private shape = ''
  private data: ChartData = { times: [], lines: [] }
  private marks: Mark[] = []
  private columns: Column[] = []
  // the lines that are seen, in the order of the columns
  private drawn: Line[] = []

  constructor(private options: ChartOptions) {
    this.el = h('div', { class: 'chart', role: 'img', 'aria-label': options.label })
    this.el.style.height = `${String(options.height)}px`
    this.resize = new ResizeObserver(() => { this.fit() })
    this.resize.observe(this.el)
    this.el.append(this.tooltip.el)
  }

  // hidden: keys of lines that are not shown
  show(data: ChartData, hidden = new Set<string>(), stacked = this.options.stacked ?? false): void {
    this.data = data
    this.options = { ...this.options, stacked }
    const visible = data.lines.filter((l) => !hidden.has(l.key))
    const columns = visible.map((l) => l.values)
    // from the top down: where a line adds nothing, that below it is seen;
    // and the first, which a panel is about, lies over those that equal it
    this.columns = (stacked ? stack(columns) : columns).reverse()
    this.drawn = [...visible].reverse()
    const shape = JSON.stringify([stacked, visible.map((l) => [l.key, l.color])])
    if (this.plot && shape === this.shape) {
      this.plot.batch(() => {
        this.plot?.setData(this.aligned(), false)
        this.scale()
      })
    } else {
      this.shape = shape
      this.rebuild()
    }
  }

  // dots over the lines, until others are shown
  mark(marks: Mark[]): void {
    this.marks = marks
    if (this.plot) this.place(this.plot)
  }

  // after the theme has changed
  rebuild(): void {
    this.plot?.destroy()
    this.plot = undefined
    this.tooltip.hide()
    if (this.el.clientWidth === 0 || this.data.times.length === 0) return
    this.plot = new uPlot(this.plotOptions(), this.aligned(), this.el)
    this.scale()
  }

  destroy(): void {
    this.resize.disconnect()
    this.plot?.destroy()
    this.plot = undefined
  }

  private aligned(): uPlot.AlignedData {
    return [this.data.times, ...this.columns]
  }

  private scale(): void {
    const { times } = this.data
    const first = times[0] ?? 0
    const last = times[times.length - 1] ?? first
    const [min, max] = valueScale(this.columns, this.options.fromZero ?? this.options.stacked ?? false)
    this.plot?.setScale('x', { min: first, max: last > first ? last : first + 1 })
    this.plot?.setScale('y', { min, max })
  }

  private fit(): void {
    const width = this.el.clientWidth
    if (width === 0) return
    if (this.plot) this.plot.setSize({ width, height: this.options.height })
    else this.rebuild()
  }

  private plotOptions(): uPlot.Options {
    const zoom = this.options.onZoom !== undefined
    return {
      width: this.el.clientWidth,
      height: this.options.height,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: zoom, y: false, setScale: false },
        focus: { prox: 24 },
        points: { size: 6 },
      },
      focus: { alpha: 0.35 },
      scales: { x: { time: true, auto: false }, y: { auto: false } },
      axes: this.axes(),
      series: [{}, ...this.lines()],
      bands: this.options.stacked ? this.columns.slice(1).map((_, i) => ({ series: [i + 1, i + 2] as [number, number] })) : [],
      hooks: { draw: [(u) => { this.place(u) }], setCursor: [(u) => { this.cursor(u) }], setSelect: [(u) => { this.select(u) }] },
    }
  }

  private place(u: uPlot): void {
    if (this.dots.el.parentElement !== u.over) u.over.append(this.dots.el)
    const { clientWidth: width, clientHeight: height } = u.over
    this.dots.show(this.marks, { x: (t) => u.valToPos(t, 'x'), y: (v) => u.valToPos(v, 'y'), width, height }, this.options.unit)
  }

  private axes(): uPlot.Axis[] {
    const stroke = resolveColor('var(--chart-text)')
    const grid = { stroke: resolveColor('var(--chart-grid)'), width: 1 }
    const font = '11px system-ui, sans-serif'
    const unit = this.options.unit
    const binary = unit === 'bytes' || unit === 'bytespersecond'
    const y: uPlot.Axis = {
      stroke,
      font,
      grid,
      ticks: { show: false },
      size: (_, values) => Math.max(34, ...(values ?? []).map((v) => v.length * 6.2 + 14)),
      space: 28,
      values: (_, splits) => valueLabels(splits, unit),
    }
    if (binary) y.incrs = binaryIncrements()
    const x: uPlot.Axis = {
      stroke,
      font,
      grid: { ...grid, show: this.options.height > 150 },
      ticks: { show: false },
      size: this.options.small ? 22 : 34,
      space: 70,
      values: (_, splits, __, ___, increment) => timeLabels(splits, increment).map((l) => (this.options.small ? (l.split('\n')[1] ?? l) : l)),
    }
    return [x, y]
  }

  private lines(): uPlot.Series[] {
    const { stacked, filled } = this.options
    return this.drawn.map((line) => {
      const stroke = resolveColor(line.color)
      const dots = lonely(line.values)
      const series: uPlot.Series = {
        label: line.label,
        stroke,
        width: 1.5,
        spanGaps: false,
        points: { show: false, size: 4, fill: stroke, filter: () => (dots.length > 0 ? dots : null) },
      }
      if (stacked) series.fill = fade(stroke, 0.45)
      else if (filled && this.columns.length === 1) series.fill = fade(stroke, 0.12)
      return series
    })
  }

  private cursor(u: uPlot): void {
    const { idx, left = -1, top = -1 } = u.cursor
    const time = idx === null || idx === undefined ? undefined : this.data.times[idx]
    if (time === undefined || idx === null || idx === undefined || left < 0) {
      this.tooltip.hide()
      return
    }
    const lines = this.drawn
    const step = (this.data.times[1] ?? time + 60) - (this.data.times[0] ?? time)
    const nearest = this.nearest(u, lines.map((l) => l.key), idx, top)
    const offset = u.over.offsetLeft
    this.tooltip.show(
      { time, step, index: idx, lines, nearest, unit: this.options.unit },
      left + offset, top + u.over.offsetTop, this.el.clientWidth,
    )
  }

  private nearest(u: uPlot, keys: string[], index: number, top: number): string | undefined {
    let best: string | undefined
    let least = 24
    this.columns.forEach((column, i) => {
      const v = column[index]
      if (v === null || v === undefined) return
      const distance = Math.abs(u.valToPos(v, 'y') - top)
      // of equal ones that on top, which is drawn last
      if (distance <= least) {
        least = distance
        best = keys[i]
      }
    })
    return best
  }

  private select(u: uPlot): void {
    const { left, width } = u.select
    if (width < 4 || !this.options.onZoom) return
    const from = u.posToVal(left, 'x')
    const to = u.posToVal(left + width, 'x')
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
    this.options.onZoom(from, to)
  }
}
