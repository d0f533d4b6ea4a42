// What the page saw itself, poll by poll: enough for a small chart of numbers
// that no query has.

export interface Seen {
  t: number
  appended: number
  bytes: number
}

const MOST = 1000

export function follow(trail: Seen[], seen: Seen): Seen[] {
  const last = trail[trail.length - 1]
  // a counter that fell was restarted: what came before tells nothing now
  const kept = last && seen.appended < last.appended ? [] : trail
  return [...kept, seen].slice(-MOST)
}

export function rates(trail: Seen[]): { times: number[]; values: (number | null)[] } {
  const times: number[] = []
  const values: (number | null)[] = []
  trail.forEach((s, i) => {
    const before = trail[i - 1]
    if (!before || s.t <= before.t) return
    times.push(s.t)
    values.push((s.appended - before.appended) / (s.t - before.t))
  })
  return { times, values }
}
