// /api/v1/alerts

import { call } from './client'
import { fields, mustList } from './check'
import { parseAlert, type Alert } from './rules'

export async function alerts(signal?: AbortSignal): Promise<Alert[]> {
  const answer = await call('/api/v1/alerts', (d) => mustList(fields(d).alerts, 'alerts').map(parseAlert), { signal })
  return answer.data
}
