// The one place that talks to the server: base path, abort, envelope.

import { apiUrl } from '../lib/url'

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    message: string,
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

export interface Answer<T> {
  data: T
  warnings: string[]
  infos: string[]
}

interface Envelope {
  status?: unknown
  data?: unknown
  errorType?: unknown
  error?: unknown
  warnings?: unknown
  infos?: unknown
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((v): v is string => typeof v === 'string') : []
}

async function readEnvelope(response: Response): Promise<Envelope> {
  try {
    const body: unknown = await response.json()
    if (typeof body === 'object' && body !== null) return body
  } catch {
    // not JSON: a proxy in between answered
  }
  throw new ApiError(response.status, 'network', `the server answered ${String(response.status)} ${response.statusText}`)
}

export interface CallOptions {
  params?: Record<string, string | undefined>
  signal?: AbortSignal | undefined
  // in the body, for what may be longer than an address
  post?: boolean
}

export async function call<T>(path: string, parse: (data: unknown) => T, options: CallOptions = {}): Promise<Answer<T>> {
  const { params = {}, signal, post = false } = options
  const init: RequestInit = { headers: { Accept: 'application/json' }, credentials: 'same-origin' }
  if (signal) init.signal = signal
  if (post) {
    const body = new URLSearchParams()
    for (const [key, value] of Object.entries(params)) if (value !== undefined) body.set(key, value)
    init.method = 'POST'
    init.body = body
  }
  const response = await fetchAny(apiUrl(document.baseURI, path, post ? {} : params), init)
  const envelope = await readEnvelope(response)
  if (envelope.status !== 'success') {
    throw new ApiError(response.status, String(envelope.errorType ?? 'unknown'), String(envelope.error ?? response.statusText))
  }
  return { data: parse(envelope.data), warnings: strings(envelope.warnings), infos: strings(envelope.infos) }
}

async function fetchAny(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    if (isAbort(error)) throw error
    throw new ApiError(0, 'network', 'the server does not answer')
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
