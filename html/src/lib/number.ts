// Numbers as people read them.  Three significant digits unless said
// otherwise; a table that must be exact shows the server's text instead.

export type Unit = 'number' | 'persecond' | 'bytes' | 'bytespersecond' | 'seconds' | 'ratio'

const SI = [
  { size: 1e12, name: 'T' },
  { size: 1e9, name: 'G' },
  { size: 1e6, name: 'M' },
  { size: 1e3, name: 'k' },
]

const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

const SECONDS = [
  { size: 86400, name: 'd' },
  { size: 3600, name: 'h' },
  { size: 60, name: 'min' },
  { size: 1, name: 's' },
  { size: 1e-3, name: 'ms' },
  { size: 1e-6, name: 'µs' },
  { size: 1e-9, name: 'ns' },
]

function special(v: number): string | undefined {
  if (Number.isNaN(v)) return 'NaN'
  if (v === Infinity) return '+Inf'
  if (v === -Infinity) return '-Inf'
  return undefined
}

// 1234.5 -> "1230", 0.01234 -> "0.0123": digits that mean something
function digits(v: number, significant = 3): string {
  if (v === 0) return '0'
  const text = v.toPrecision(significant)
  return text.includes('e') ? String(Number(text)) : text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

export function formatNumber(v: number, significant = 3): string {
  const odd = special(v)
  if (odd !== undefined) return odd
  const abs = Math.abs(v)
  if (abs >= 1e15 || (abs < 1e-4 && abs > 0)) return v.toExponential(2).replace(/\.?0+e/, 'e').replace('e+', 'e')
  for (const { size, name } of SI) {
    // 999,950 rounds to 1M, not to 1000k
    if (abs >= size * (1 - 0.5 / 10 ** significant)) return digits(v / size, significant) + name
  }
  return digits(v, significant)
}

export function formatBytes(v: number, significant = 3): string {
  const odd = special(v)
  if (odd !== undefined) return odd
  let scaled = v
  let i = 0
  while (Math.abs(scaled) >= 999.5 && i < BINARY.length - 1) {
    scaled /= 1024
    i++
  }
  return `${digits(scaled, significant)} ${BINARY[i] ?? ''}`
}

export function formatSeconds(v: number, significant = 3): string {
  const odd = special(v)
  if (odd !== undefined) return odd
  if (v === 0) return '0 s'
  const abs = Math.abs(v)
  const unit = SECONDS.find((u) => abs >= u.size * 0.9995) ?? { size: 1e-9, name: 'ns' }
  return `${digits(v / unit.size, significant)} ${unit.name}`
}

export function formatRatio(v: number, significant = 3): string {
  return special(v) ?? `${digits(v * 100, significant)} %`
}

export function formatUnit(v: number, unit: Unit, significant = 3): string {
  switch (unit) {
    case 'bytes':
      return formatBytes(v, significant)
    case 'bytespersecond':
      return formatBytes(v, significant) + '/s'
    case 'seconds':
      return formatSeconds(v, significant)
    case 'ratio':
      return formatRatio(v, significant)
    case 'persecond':
      return formatNumber(v, significant) + '/s'
    case 'number':
      return formatNumber(v, significant)
  }
}

// 1234567 -> "1,234,567", for counts that are exact
export function formatCount(v: number): string {
  return Math.round(v).toLocaleString('en-US')
}

export function plural(n: number, one: string, many = one + 's'): string {
  return `${formatCount(n)} ${n === 1 ? one : many}`
}
