// /api/v1/status/flags

import { call } from './client'
import { pairs } from './check'

export async function flags(signal?: AbortSignal): Promise<[string, string][]> {
  const answer = await call('/api/v1/status/flags', pairs, { signal })
  return answer.data
}
