// /api/v1/rules

import { call } from './client'
import { fields, labels, list, mustList, number, text } from './check'
import { parseTime } from '../lib/duration'
import type { Labels } from '../lib/series'

export type AlertState = 'firing' | 'pending' | 'inactive' | 'unknown'

export interface Alert {
  labels: Labels
  annotations: Labels
  state: AlertState
  activeAt: number | undefined
  value: string
}

export interface Rule {
  type: 'alerting' | 'recording'
  name: string
  query: string
  state: AlertState
  duration: number
  keepFiringFor: number
  labels: Labels
  annotations: Labels
  alerts: Alert[]
  health: string
  lastError: string
  evaluationTime: number
  lastEvaluation: number | undefined
}

export interface RuleGroup {
  name: string
  file: string
  interval: number
  evaluationTime: number
  lastEvaluation: number | undefined
  rules: Rule[]
}

const STATES: AlertState[] = ['firing', 'pending', 'inactive']

function state(value: unknown): AlertState {
  return STATES.find((s) => s === value) ?? 'unknown'
}

export function parseAlert(value: unknown): Alert {
  const f = fields(value)
  return {
    labels: labels(f.labels),
    annotations: labels(f.annotations),
    state: state(f.state),
    activeAt: parseTime(text(f.activeAt)),
    value: text(f.value),
  }
}

function rule(value: unknown): Rule {
  const f = fields(value)
  return {
    type: f.type === 'alerting' ? 'alerting' : 'recording',
    name: text(f.name),
    query: text(f.query),
    state: state(f.state),
    duration: number(f.duration),
    keepFiringFor: number(f.keepFiringFor),
    labels: labels(f.labels),
    annotations: labels(f.annotations),
    alerts: list(f.alerts).map(parseAlert),
    health: text(f.health),
    lastError: text(f.lastError),
    evaluationTime: number(f.evaluationTime),
    lastEvaluation: parseTime(text(f.lastEvaluation)),
  }
}

function group(value: unknown): RuleGroup {
  const f = fields(value)
  return {
    name: text(f.name),
    file: text(f.file),
    interval: number(f.interval),
    evaluationTime: number(f.evaluationTime),
    lastEvaluation: parseTime(text(f.lastEvaluation)),
    rules: list(f.rules).map(rule),
  }
}

export async function rules(signal?: AbortSignal): Promise<RuleGroup[]> {
  const answer = await call('/api/v1/rules', (d) => mustList(fields(d).groups, 'groups').map(group), { signal })
  return answer.data
}
