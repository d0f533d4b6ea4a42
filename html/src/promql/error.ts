// Where in a query the server found its error: "1:5: parse error: …".

export interface Place {
  from: number
  to: number
  message: string
}

// The server counts bytes, an editor counts UTF-16 units.
function unitsOf(line: string, bytes: number): number {
  const encoder = new TextEncoder()
  let seen = 0
  let units = 0
  for (const char of line) {
    if (seen >= bytes) break
    seen += encoder.encode(char).length
    units += char.length
  }
  return units
}

export function errorPlace(text: string, expr: string): Place | undefined {
  const match = /(?:^|[\s"])(\d+):(\d+): (?:parse error: )?([^]*)$/.exec(text)
  if (!match || expr === '') return undefined
  const lines = expr.split('\n')
  const row = Math.min(Number(match[1]), lines.length) - 1
  const line = lines[row] ?? ''
  const before = lines.slice(0, row).reduce((n, l) => n + l.length + 1, 0)
  const start = before + unitsOf(line, Number(match[2]) - 1)
  const from = Math.max(0, Math.min(start, expr.length - 1))
  const word = /^(?:[\w:]+|\s+|.)/su.exec(expr.slice(from))
  return { from, to: from + Math.max(1, word?.[0].length ?? 1), message: match[3] ?? text }
}
