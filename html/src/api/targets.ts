// /api/v1/targets

import { call } from './client'
import { fields, labels, mustList, number, text } from './check'
import { parseDuration, parseTime } from '../lib/duration'
import type { Labels } from '../lib/series'

export type Health = 'up' | 'down' | 'unknown'

export interface Target {
  pool: string
  url: string
  labels: Labels
  discovered: Labels
  health: Health
  lastError: string
  lastScrape: number | undefined
  lastDuration: number
  interval: number
}

export interface Dropped {
  pool: string
  discovered: Labels
}

export interface Targets {
  active: Target[]
  dropped: Dropped[]
}

function target(value: unknown): Target {
  const f = fields(value)
  return {
    pool: text(f.scrapePool),
    url: text(f.scrapeUrl),
    labels: labels(f.labels),
    discovered: labels(f.discoveredLabels),
    health: f.health === 'up' || f.health === 'down' ? f.health : 'unknown',
    lastError: text(f.lastError),
    lastScrape: parseTime(text(f.lastScrape)),
    lastDuration: number(f.lastScrapeDuration),
    interval: parseDuration(text(f.scrapeInterval)) ?? 0,
  }
}

// Prometheus names the pool of a dropped target only since 3.0; the job that
// it was found for is the same.
function dropped(value: unknown): Dropped {
  const f = fields(value)
  const discovered = labels(f.discoveredLabels)
  return { pool: text(f.scrapePool) || (discovered.job ?? ''), discovered }
}

function parse(data: unknown): Targets {
  const f = fields(data)
  return {
    active: mustList(f.activeTargets, 'targets').map(target),
    dropped: Array.isArray(f.droppedTargets) ? f.droppedTargets.map(dropped) : [],
  }
}

export async function targets(state: 'any' | 'active', signal?: AbortSignal): Promise<Targets> {
  const answer = await call('/api/v1/targets', parse, { params: { state }, signal })
  return answer.data
}
