// /api/v1/status/config

import { call } from './client'
import { fields, text } from './check'

export async function config(signal?: AbortSignal): Promise<string> {
  const answer = await call('/api/v1/status/config', (data) => text(fields(data).yaml), { signal })
  return answer.data
}
