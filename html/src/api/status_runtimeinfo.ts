// /api/v1/status/runtimeinfo

import { call } from './client'
import { pairs } from './check'

export async function runtimeinfo(signal?: AbortSignal): Promise<[string, string][]> {
  const answer = await call('/api/v1/status/runtimeinfo', pairs, { signal })
  return answer.data
}
