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
