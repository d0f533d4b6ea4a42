// Colours of lines.  A canvas wants real colours, not the names of tokens, so
// they are asked of the document each time the theme may have changed.

export const PALETTE = 10

export function seriesColor(i: number): string {
  return `var(--series-${String(i % PALETTE)})`
}

let probe: HTMLElement | undefined

// "var(--x)" -> "rgb(…)" under the present theme
export function resolveColor(color: string): string {
  if (!probe) {
    probe = document.createElement('span')
    probe.hidden = true
    document.body.append(probe)
  }
  probe.style.color = color
  return getComputedStyle(probe).color
}

// The same colour, seen through: for what lies below a line.
export function fade(rgb: string, alpha: number): string {
  const parts = rgb.match(/[\d.]+/g)
  return parts && parts.length >= 3 ? `rgb(${parts.slice(0, 3).join(' ')} / ${String(alpha)})` : rgb
}
