// The graph of Explore: chart, legend, and what was left out.

import type { Exemplar } from '../api/query_exemplars'
import { Chart } from '../chart/chart'
import type { Mark } from '../chart/marks'
import { Legend } from '../components/legend'
import { empty, notice } from '../components/state'
import { fill, h } from '../lib/dom'
import { formatCount } from '../lib/number'
import { drawnLines, type Drawn } from './explore_lines'
import type { Run } from './explore_run'

export class ExploreGraph {
  readonly el = h('div', { class: 'explore-graph' })
  private readonly chart: Chart
  private readonly legend: Legend
  private readonly limit = h('div', { hidden: true })
  private readonly nothing = h('div', { hidden: true })
  private drawn: Drawn = { times: [], lines: [], total: 0 }
  private hidden = new Set<string>()
  private stacked = false

  constructor(onZoom: (from: number, to: number) => void) {
    const height = window.innerWidth < 640 ? 260 : 380
    this.chart = new Chart({ height, unit: 'number', label: 'Graph of the queries', onZoom })
    this.legend = new Legend((hidden) => {
      this.hidden = hidden
      this.draw()
    })
    fill(this.el, this.limit, this.nothing, this.chart.el, this.legend.el)
  }

  show(run: Run, stacked: boolean): void {
    this.drawn = drawnLines(run)
    this.stacked = stacked
    const { lines, total } = this.drawn
    const keys = new Set(lines.map((l) => l.key))
    this.hidden = new Set([...this.hidden].filter((k) => keys.has(k)))
    if (this.hidden.size === keys.size) this.hidden.clear()
    this.limit.hidden = total <= lines.length
    if (!this.limit.hidden) {
      fill(this.limit, notice('warn', `The first ${formatCount(lines.length)} of ${formatCount(total)} series are drawn. Aggregate or select fewer to see them all.`))
    }
    const failed = run.outcomes.some((o) => o.error !== undefined)
    this.nothing.hidden = lines.length > 0
    this.chart.el.hidden = lines.length === 0
    if (lines.length === 0) fill(this.nothing, failed ? empty('Nothing to draw', 'See the error above.') : empty('No samples', 'The query has no result in this time.'))
    this.draw()
    this.chart.mark(run.outcomes.flatMap((o) => o.exemplars.map(exemplarMark)))
  }

  rebuild(): void {
    this.chart.rebuild()
  }

  destroy(): void {
    this.chart.destroy()
  }

  private draw(): void {
    this.chart.show(this.drawn, this.hidden, this.stacked)
    this.legend.show(this.drawn.lines, this.hidden)
  }
}

// its labels first, for they are what is looked for
function exemplarMark(e: Exemplar): Mark {
  return { time: e.time, value: e.value, rows: [...Object.entries(e.labels), ...Object.entries(e.series)] }
}
