// Durations in PromQL's form ("1h30m") and as people say them ("3 min ago").

const UNITS = [
  { name: 'y', size: 31536000 },
  { name: 'w', size: 604800 },
  { name: 'd', size: 86400 },
  { name: 'h', size: 3600 },
  { name: 'm', size: 60 },
  { name: 's', size: 1 },
  { name: 'ms', size: 0.001 },
]

// Seconds, or undefined where the text is no duration: units must fall, as in
// PromQL.  A bare number counts seconds.
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim()
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed)
  const match = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(trimmed)
  if (!match || trimmed === '') return undefined
  let sum = 0
  UNITS.forEach((unit, i) => {
    sum += Number(match[i + 1] ?? 0) * unit.size
  })
  return sum
}

// 5400 -> "1h30m".  Years and weeks are left to days, which are exact to read.
export function formatDuration(seconds: number): string {
  let ms = Math.round(seconds * 1000)
  if (ms === 0) return '0s'
  let text = ''
  for (const { name, size } of UNITS.slice(2)) {
    const n = Math.floor(ms / (size * 1000))
    if (n > 0) {
      text += String(n) + name
      ms -= n * size * 1000
    }
  }
  return text
}

// The two largest units: "3 d 4 h", "12 s", "250 ms".
export function humanDuration(seconds: number): string {
  const s = Math.abs(seconds)
  if (s < 1) return `${String(Math.round(s * 1000))} ms`
  if (s < 60) return `${String(Math.floor(s))} s`
  const parts = [
    [Math.floor(s / 86400), 'd'],
    [Math.floor(s / 3600) % 24, 'h'],
    [Math.floor(s / 60) % 60, 'min'],
    [Math.floor(s) % 60, 's'],
  ] as const
  const first = parts.findIndex(([n]) => n > 0)
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${String(n)} ${unit}`)
    .join(' ')
}

// A moment before now; clocks that differ a little are no future.
export function ago(then: number, now: number): string {
  const s = now - then
  if (s < -5) return `in ${humanDuration(-s)}`
  return s < 1 ? 'now' : `${humanDuration(Math.floor(s))} ago`
}

// Prometheus writes the year 1 where something never happened.
export function parseTime(text: string): number | undefined {
  const ms = Date.parse(text)
  return Number.isNaN(ms) || ms <= 0 ? undefined : ms / 1000
}
