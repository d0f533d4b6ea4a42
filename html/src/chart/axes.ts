// What stands beside the axes.

import { formatUnit, type Unit } from '../lib/number'

const DAY = 86400

function two(n: number): string {
  return String(n).padStart(2, '0')
}

function clock(d: Date, increment: number): string {
  const text = `${two(d.getHours())}:${two(d.getMinutes())}`
  return increment < 60 ? `${text}:${two(d.getSeconds())}` : text
}

function day(d: Date): string {
  return d.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })
}

// One label a tick; the day stands where it changes, below the time.
export function timeLabels(splits: number[], increment: number): string[] {
  let last = ''
  return splits.map((t, i) => {
    const d = new Date(t * 1000)
    const today = day(d)
    const changed = today !== last
    last = today
    if (increment >= 28 * DAY) return d.toLocaleDateString('en-GB', { month: 'short', year: 'numeric' })
    if (increment >= DAY) return today
    return changed && i > 0 ? `${clock(d, increment)}\n${today}` : clock(d, increment)
  })
}

// A moment in full, as finely as the step needs it.
export function momentText(t: number, step: number): string {
  const d = new Date(t * 1000)
  const date = `${String(d.getFullYear())}-${two(d.getMonth() + 1)}-${two(d.getDate())}`
  const text = `${date} ${clock(d, step < 60 || d.getSeconds() !== 0 ? 1 : 60)}`
  return step < 1 ? `${text}.${String(d.getMilliseconds()).padStart(3, '0')}` : text
}

// Ticks must differ from each other: digits are added until they do.
export function valueLabels(splits: number[], unit: Unit): string[] {
  let labels: string[] = []
  for (let significant = 3; significant <= 9; significant++) {
    labels = splits.map((v) => formatUnit(v, unit, significant))
    if (new Set(labels).size === splits.length) break
  }
  return labels
}

// Binary sizes want ticks at powers of two, or 1 KiB becomes 0.977.
export function binaryIncrements(): number[] {
  const out: number[] = []
  for (let base = 1; base < 2 ** 60; base *= 1024) {
    for (const n of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]) out.push(base * n)
  }
  return out
}
