// Queries that were run before, to take one up again.

import { fill, h, icon } from '../lib/dom'
import { addToHistory, loadHistory, saveHistory } from '../lib/history'
import { storage } from '../lib/storage'
import { closeOutside } from './range_picker'

export interface HistoryMenu {
  el: HTMLElement
  add(expr: string): void
}

export function historyMenu(onChoose: (expr: string) => void, signal: AbortSignal): HistoryMenu {
  let list = loadHistory(storage())
  const items = h('ul', { class: 'history-list' })
  const clear = h('button', { type: 'button', class: 'link-button small', click: () => {
    list = []
    saveHistory(storage(), list)
    show()
  } }, 'Forget all')
  const menu = h('details', { class: 'menu push' },
    h('summary', { class: 'button' }, icon('M4 12a8 8 0 1 0 3-6.2M4 4v4h4M12 8v4l3 2'), 'History'),
    h('div', { class: 'menu-body' }, items, clear))
  const choose = (expr: string): void => {
    menu.open = false
    onChoose(expr)
  }
  const show = (): void => {
    clear.hidden = list.length === 0
    fill(items, ...(list.length === 0
      ? [h('li', { class: 'muted' }, 'No query was run here yet')]
      : list.map((expr) => h('li', {}, h('button', { type: 'button', title: expr, click: () => { choose(expr) } }, expr)))))
  }
  closeOutside(menu, signal)
  show()
  return {
    el: menu,
    add: (expr) => {
      list = addToHistory(list, expr)
      saveHistory(storage(), list)
      show()
    },
  }
}
