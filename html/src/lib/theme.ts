// Light, dark, or as the system has it.  theme.js sets the choice before the
// first paint; this changes it.

import { storage } from './storage'

export type Theme = 'auto' | 'light' | 'dark'

const KEY = 'pharos.theme'
const ORDER: Theme[] = ['auto', 'light', 'dark']

export function currentTheme(): Theme {
  const stored = document.documentElement.dataset.theme
  return stored === 'light' || stored === 'dark' ? stored : 'auto'
}

export function nextTheme(theme: Theme): Theme {
  return ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? 'auto'
}

export function setTheme(theme: Theme): void {
  if (theme === 'auto') {
    delete document.documentElement.dataset.theme
    storage().removeItem(KEY)
  } else {
    document.documentElement.dataset.theme = theme
    storage().setItem(KEY, theme)
  }
  window.dispatchEvent(new Event('themechange'))
}

// Also when the system changes.  Stops with the signal.
export function onThemeChange(run: () => void, signal: AbortSignal): void {
  window.addEventListener('themechange', run, { signal })
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', run, { signal })
}
