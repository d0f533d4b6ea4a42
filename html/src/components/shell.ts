// The frame: name, navigation, theme.

import { fill, h, icon } from '../lib/dom'
import { currentTheme, nextTheme, setTheme, type Theme } from '../lib/theme'
import { formatView } from '../lib/url'

interface Entry {
  name: string
  title: string
  path: string
}

export const ENTRIES: Entry[] = [
  { name: 'overview', title: 'Overview', path: 'M4 4h7v9H4zM13 4h7v5h-7zM13 11h7v9h-7zM4 15h7v5H4z' },
  { name: 'explore', title: 'Explore', path: 'M3 20h18M4 16l5-6 4 3 7-9' },
  { name: 'alerts', title: 'Alerts', path: 'M6 9a6 6 0 0 1 12 0c0 6 2 7 2 7H4s2-1 2-7M10 20a2 2 0 0 0 4 0' },
  { name: 'targets', title: 'Targets', path: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 12h.01' },
  { name: 'status', title: 'Status', path: 'M4 6c0-4 16-4 16 0s-16 4-16 0v12c0 4 16 4 16 0V6M4 12c0 4 16 4 16 0' },
]

const THEMES: Record<Theme, { text: string; path: string }> = {
  auto: { text: 'as the system', path: 'M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18' },
  light: { text: 'light', path: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5' },
  dark: { text: 'dark', path: 'M20 14A8.5 8.5 0 0 1 10 4a8.5 8.5 0 1 0 10 10z' },
}

function themeButton(): HTMLElement {
  const show = (): void => {
    const theme = currentTheme()
    fill(button, icon(THEMES[theme].path))
    button.setAttribute('aria-label', `Theme: ${THEMES[theme].text}. Change it`)
    button.title = `Theme: ${THEMES[theme].text}`
  }
  const button = h('button', {
    type: 'button', class: 'icon-button theme-button',
    click: () => {
      setTheme(nextTheme(currentTheme()))
      show()
    },
  })
  show()
  return button
}

export class Shell {
  readonly main = h('main', { id: 'main', tabindex: -1 })
  private readonly links = new Map<string, HTMLAnchorElement>()

  constructor(root: Element) {
    const nav = h('nav', { class: 'nav', 'aria-label': 'Pages' })
    for (const { name, title, path } of ENTRIES) {
      const link = h('a', { href: formatView(name), class: 'nav-link' }, icon(path), h('span', {}, title))
      this.links.set(name, link)
      nav.append(link)
    }
    const skip = h('button', { type: 'button', class: 'skip', click: () => { this.main.focus() } }, 'Skip to content')
    const brand = h('a', { class: 'brand', href: formatView('overview'), 'aria-label': 'Pharos, overview' },
      h('img', { src: './icon.svg', alt: '', width: 22, height: 22 }), 'Pharos')
    fill(root, skip, h('header', { class: 'top' }, brand, nav, themeButton()), this.main)
  }

  show(name: string, el: HTMLElement): void {
    for (const [key, link] of this.links) {
      if (key === name) link.setAttribute('aria-current', 'page')
      else link.removeAttribute('aria-current')
    }
    const title = ENTRIES.find((e) => e.name === name)?.title ?? 'Not found'
    document.title = `${title} · Pharos`
    fill(this.main, el)
  }
}
