// The lines of a chart by name.  A click shows one alone, another click all
// again; with Ctrl, Cmd or Shift one is added or taken away.

import { lastValue, type Line } from '../chart/data'
import { h, styled, syncList } from '../lib/dom'
import { formatNumber } from '../lib/number'

export function nextHidden(hidden: Set<string>, keys: string[], clicked: string, toggle: boolean): Set<string> {
  if (toggle) {
    const next = new Set(hidden)
    if (!next.delete(clicked)) next.add(clicked)
    return next.size === keys.length ? new Set() : next
  }
  const alone = !hidden.has(clicked) && keys.every((k) => k === clicked || hidden.has(k))
  return alone ? new Set() : new Set(keys.filter((k) => k !== clicked))
}

export class Legend {
  readonly el = h('ul', { class: 'legend', 'aria-label': 'Series' })

  constructor(private readonly onChange: (hidden: Set<string>) => void) {}

  show(lines: Line[], hidden: Set<string>): void {
    const keys = lines.map((l) => l.key)
    syncList(this.el, lines, {
      key: (l) => l.key,
      shape: (l) => JSON.stringify([l.label, l.color, keys.length, [...hidden]]),
      make: (l) => this.entry(l, hidden, keys),
      update: (el, l) => {
        const value = el.querySelector('.legend-value')
        const last = lastValue(l.values)
        if (value) value.textContent = last === undefined ? '' : formatNumber(last, 4)
      },
    })
  }

  private entry(line: Line, hidden: Set<string>, keys: string[]): HTMLElement {
    const click = (e: Event): void => {
      const toggle = e instanceof MouseEvent && (e.ctrlKey || e.metaKey || e.shiftKey)
      this.onChange(nextHidden(hidden, keys, line.key, toggle))
    }
    return h('li', {}, h(
      'button', { type: 'button', class: 'legend-entry', 'aria-pressed': String(!hidden.has(line.key)), title: line.label, click },
      styled(h('span', { class: 'swatch' }), { background: line.color }),
      h('span', { class: 'legend-name' }, line.label),
      h('span', { class: 'legend-value' }),
    ))
  }
}
