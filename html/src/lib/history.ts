// Queries that were run, newest first, each once.

const KEY = 'pharos.history'
const MOST = 100
const LONGEST = 4000

export function addToHistory(list: string[], expr: string): string[] {
  const text = expr.trim()
  if (text === '' || text.length > LONGEST) return list
  return [text, ...list.filter((e) => e !== text)].slice(0, MOST)
}

// What storage holds may be anything: another version wrote it, or a person.
export function parseHistory(text: string | null): string[] {
  if (text === null) return []
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value.filter((e): e is string => typeof e === 'string').slice(0, MOST) : []
  } catch {
    return []
  }
}

export interface Box {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
}

export function loadHistory(box: Box): string[] {
  try {
    return parseHistory(box.getItem(KEY))
  } catch {
    return []
  }
}

export function saveHistory(box: Box, list: string[]): void {
  try {
    box.setItem(KEY, JSON.stringify(list))
  } catch {
    // full, or forbidden: history is a convenience
  }
}
