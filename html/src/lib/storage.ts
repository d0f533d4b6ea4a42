// What the browser remembers, or forgets where it may not remember.

import type { Box } from './history'

const memory = new Map<string, string>()

const forgetful: Box & { removeItem(key: string): void } = {
  getItem: (key) => memory.get(key) ?? null,
  setItem: (key, value) => { memory.set(key, value) },
  removeItem: (key) => { memory.delete(key) },
}

export function storage(): Box & { removeItem(key: string): void } {
  try {
    return window.localStorage
  } catch {
    return forgetful
  }
}
