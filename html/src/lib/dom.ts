// Elements without a framework: h('p', { class: 'note' }, 'text', child).
// Text always becomes a text node, so nothing a label says can be markup.

export type Child = Node | string | number | null | undefined | false
export type Props = Record<string, string | number | boolean | undefined | ((e: Event) => void)>

function setProp(el: Element, name: string, value: Props[string]): void {
  if (value === undefined || value === false) return
  if (typeof value === 'function') {
    el.addEventListener(name, value)
  } else {
    el.setAttribute(name, value === true ? '' : String(value))
  }
}

export function append(el: Element, children: Child[]): void {
  for (const c of children) {
    if (c === null || c === undefined || c === false) continue
    el.append(c instanceof Node ? c : String(c))
  }
}

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) setProp(el, name, value)
  append(el, children)
  return el
}

// Replaces all children.
export function fill(el: Element, ...children: Child[]): void {
  el.replaceChildren()
  append(el, children)
}

// Styles that depend on data: a style attribute would be against the
// Content-Security-Policy, setting properties is not.
export function styled<T extends HTMLElement>(el: T, props: Record<string, string>): T {
  for (const [name, value] of Object.entries(props)) el.style.setProperty(name, value)
  return el
}

const SVG = 'http://www.w3.org/2000/svg'

// A drawing of 24 x 24 in the text's colour, of strokes alone.
export function icon(path: string): SVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  for (const [k, v] of Object.entries({ viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true' })) svg.setAttribute(k, v)
  const shape = document.createElementNS(SVG, 'path')
  shape.setAttribute('d', path)
  svg.append(shape)
  return svg
}

export interface Keyed<T> {
  key: (item: T) => string
  // what an element shows: it is made anew only when this changes
  shape: (item: T) => string
  make: (item: T) => HTMLElement
  // what changes on each refresh, in place
  update?: (el: HTMLElement, item: T) => void
}

// Brings the children of el in line with items, leaving alone what did not
// change: nothing flickers, and what is open or focused stays so.
export function syncList<T>(el: Element, items: T[], how: Keyed<T>): void {
  const wanted = new Set(items.map(how.key))
  const old = new Map<string, HTMLElement>()
  for (const child of [...el.children]) {
    const key = child instanceof HTMLElement ? child.dataset.key : undefined
    if (key !== undefined && wanted.has(key)) old.set(key, child as HTMLElement)
    else child.remove()
  }
  let at: Element | null = el.firstElementChild
  for (const item of items) {
    const key = how.key(item)
    const shape = how.shape(item)
    let child = old.get(key)
    old.delete(key)
    if (child?.dataset.shape !== shape) {
      const fresh = how.make(item)
      fresh.dataset.key = key
      fresh.dataset.shape = shape
      if (child && child === at) at = child.nextElementSibling
      child?.remove()
      child = fresh
    }
    how.update?.(child, item)
    if (child === at) at = at.nextElementSibling
    else el.insertBefore(child, at)
  }
}
