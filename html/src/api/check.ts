// What arrives is unknown until looked at.  These take the wanted form, or
// stand in the empty one; a caller for whom empty would be a lie throws.

import { ApiError } from './client'
import type { Labels } from '../lib/series'

export type Fields = Record<string, unknown>

export function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
}

export function number(value: unknown): number {
  const n = typeof value === 'number' ? value : typeof value === 'string' && value !== '' ? Number(value) : 0
  return Number.isFinite(n) ? n : 0
}

export function labels(value: unknown): Labels {
  const out: Labels = {}
  for (const [k, v] of Object.entries(fields(value))) if (typeof v === 'string') out[k] = v
  return out
}

export function unexpected(what: string): ApiError {
  return new ApiError(200, 'unexpected', `the server's answer has no ${what}`)
}

export function mustList(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw unexpected(what)
  return value as unknown[]
}

// names and their values, as text
export function pairs(value: unknown): [string, string][] {
  return Object.entries(fields(value)).map(([k, v]) => [k, typeof v === 'boolean' ? String(v) : text(v)])
}
