// From series to the columns that are drawn: limiting, stacking, ranking.

export type Column = (number | null)[]

export interface Line {
  // tells the series from all others of the chart
  key: string
  label: string
  // a CSS colour
  color: string
  values: Column
}

export interface ChartData {
  times: number[]
  lines: Line[]
}

// Sums from the first line up.  A gap counts as nothing, but stays a gap
// where no line below it had a value either.
export function stack(columns: Column[]): Column[] {
  const [first] = columns
  const below = new Array<number | null>(first?.length ?? 0).fill(null)
  return columns.map((column) =>
    column.map((v, i) => {
      if (v !== null) below[i] = (below[i] ?? 0) + v
      return below[i] ?? null
    }),
  )
}

// Points without a neighbour: no line leads to them, so they need a dot.
export function lonely(column: Column): number[] {
  const out: number[] = []
  column.forEach((v, i) => {
    if (v !== null && (column[i - 1] ?? null) === null && (column[i + 1] ?? null) === null) out.push(i)
  })
  return out
}

export interface Ranked {
  line: Line
  value: number
}

// What a tooltip lists at one point: the largest first.
export function rankAt(lines: Line[], index: number): Ranked[] {
  const out: Ranked[] = []
  for (const line of lines) {
    const value = line.values[index]
    if (value !== null && value !== undefined) out.push({ line, value })
  }
  return out.sort((a, b) => b.value - a.value)
}

export function extent(columns: Column[]): [number, number] | undefined {
  let low = Infinity
  let high = -Infinity
  for (const column of columns) {
    for (const v of column) {
      if (v === null) continue
      if (v < low) low = v
      if (v > high) high = v
    }
  }
  return low <= high ? [low, high] : undefined
}

// The scale of values: from zero where the values are near it, with some air.
export function valueScale(columns: Column[], zero: boolean): [number, number] {
  const found = extent(columns)
  if (!found) return [0, 1]
  const high = found[1]
  let low = found[0]
  if (zero || (low > 0 && low < high * 0.5)) low = Math.min(0, low)
  if (low === high) {
    const air = low === 0 ? 1 : Math.abs(low) * 0.1
    return [low === 0 ? 0 : low - air, high + air]
  }
  const air = (high - low) * 0.06
  return [low === 0 || (low > 0 && low - air < 0) ? 0 : low - air, high <= 0 ? Math.min(0, high + air) : high + air]
}

// What a line stands at: its newest value, if that is not old.
export function lastValue(column: Column): number | undefined {
  for (let i = column.length - 1; i >= 0 && i >= column.length - 12; i--) {
    const v = column[i]
    if (v !== null && v !== undefined) return v
  }
  return undefined
}
