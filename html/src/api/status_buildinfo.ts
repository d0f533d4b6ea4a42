// /api/v1/status/buildinfo

import { call } from './client'
import { pairs } from './check'

export async function buildinfo(signal?: AbortSignal): Promise<[string, string][]> {
  const answer = await call('/api/v1/status/buildinfo', pairs, { signal })
  return answer.data
}
