// Mounts the frame, and the page that the address names.

import './style/tokens.css'
import './style/base.css'
import './style/frame.css'
import './style/parts.css'
import './style/pages.css'
import { Shell } from './components/shell'
import { empty, failure, loading } from './components/state'
import { errorText } from './api/client'
import { h } from './lib/dom'
import { formatView, parseView } from './lib/url'
import type { Page, PageMaker } from './page'

const PAGES: Record<string, () => Promise<PageMaker>> = {
  overview: async () => (await import('./pages/overview')).overviewPage,
  explore: async () => (await import('./pages/explore')).explorePage,
  alerts: async () => (await import('./pages/alerts')).alertsPage,
  targets: async () => (await import('./pages/targets')).targetsPage,
  status: async () => (await import('./pages/status')).statusPage,
}

const root = document.getElementById('app')
if (!root) throw new Error('the page has no #app')
const shell = new Shell(root)

let shown = ''
let page: Page | undefined
let leaving = new AbortController()

function goTo(name: string) {
  return (params: Record<string, string | string[] | undefined>, replace = false): void => {
    const hash = formatView(name, params)
    if (hash === location.hash) {
      page?.update(parseView(hash).params)
      return
    }
    if (replace) {
      history.replaceState(null, '', hash)
      route()
    } else {
      location.hash = hash
    }
  }
}

async function open(name: string): Promise<void> {
  leaving.abort()
  leaving = new AbortController()
  const { signal } = leaving
  shown = name
  page = undefined
  const load = PAGES[name]
  if (!load) {
    shell.show(name, empty('There is no such page', '', h('a', { class: 'button', href: formatView('overview') }, 'Overview')))
    return
  }
  shell.show(name, loading())
  try {
    const make = await load()
    if (signal.aborted) return
    page = make({ params: parseView(location.hash).params, signal, go: goTo(name) })
    shell.show(name, page.el)
    window.scrollTo(0, 0)
  } catch (error) {
    if (!signal.aborted) shell.show(name, failure(errorText(error), () => { location.reload() }))
  }
}

function route(): void {
  const view = parseView(location.hash)
  if (view.name !== shown) void open(view.name)
  else page?.update(view.params)
}

window.addEventListener('hashchange', route)
route()
