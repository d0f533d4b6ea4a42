// The three states that every view has beside its content.

import { h } from '../lib/dom'

export function loading(text = 'Loading…'): HTMLElement {
  return h('div', { class: 'state', role: 'status' }, h('span', { class: 'spinner', 'aria-hidden': 'true' }), text)
}

export function empty(title: string, text = '', action?: HTMLElement): HTMLElement {
  return h('div', { class: 'state' }, h('strong', {}, title), text !== '' && h('p', {}, text), action)
}

export function failure(text: string, retry?: () => void): HTMLElement {
  return h(
    'div',
    { class: 'state failed', role: 'alert' },
    h('strong', {}, 'That did not work'),
    h('p', {}, text),
    retry && h('button', { class: 'button', type: 'button', click: retry }, 'Try again'),
  )
}

// Content stays while a refresh fails; this says so above it.
export function notice(kind: 'bad' | 'warn' | 'info', text: string): HTMLElement {
  return h('div', { class: `notice ${kind}`, role: kind === 'bad' ? 'alert' : 'status' }, text)
}
