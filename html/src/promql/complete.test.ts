import { expect, it } from 'vitest'
import { completionRemote } from './complete'

it.each([
  ['https://h/', 'https://h'],
  ['https://h/pharos/#/explore?expr=up', 'https://h/pharos'],
  ['https://h/pharos/index.html', 'https://h/pharos'],
])('completion below %s asks %s', (base, want) => {
  expect(completionRemote(base).url).toBe(want)
})
