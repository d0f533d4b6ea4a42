// The page's state is its URL: a view and its parameters behind the "#", so
// that the page works below any path and no server need know its views.

export interface View {
  name: string
  params: URLSearchParams
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export function parseView(hash: string): View {
  const text = hash.replace(/^#\/?/, '')
  const mark = text.indexOf('?')
  const name = mark < 0 ? text : text.slice(0, mark)
  return {
    name: name === '' ? 'overview' : decode(name),
    params: new URLSearchParams(mark < 0 ? '' : text.slice(mark + 1)),
  }
}

// A list becomes a parameter that is there several times.
export type ViewParams = Record<string, string | string[] | undefined>

export function formatView(name: string, params: ViewParams = {}): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(params)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== '') search.append(key, one)
    }
  }
  const query = search.toString()
  return '#/' + encodeURIComponent(name) + (query === '' ? '' : '?' + query)
}

// The address of the API: the folder that the page was loaded from.
export function apiUrl(base: string, path: string, params: Record<string, string | undefined> = {}): string {
  const url = new URL(path.replace(/^\//, ''), new URL('.', base))
  url.hash = ''
  for (const [key, value] of Object.entries(params)) {
    if (value !== undefined) url.searchParams.set(key, value)
  }
  return url.toString()
}
