import { describe, expect, it } from 'vitest'
import { errorPlace } from './error'

describe('errorPlace', () => {
  it.each([
    ['invalid parameter "query": 1:5: parse error: unexpected "b"', 'a + bbb', 4, 7],
    ['1:1: parse error: unknown function with name "ratee"', 'ratee(a[5m])', 0, 5],
    ['1:4: parse error: unexpected end of input', 'up{', 2, 3],
    ['2:3: parse error: bad', 'up\n  foo', 5, 8],
    ['1:10: parse error: bad', '"äö" + x', 7, 8],
  ])('%s', (text, expr, from, to) => {
    expect(errorPlace(text, expr)).toMatchObject({ from, to })
  })

  it('keeps what the message says', () => {
    expect(errorPlace('1:1: parse error: no', 'x')?.message).toBe('no')
  })

  it('knows that other errors have no place', () => {
    expect(errorPlace('query timed out in 2:30', 'up')).toBeUndefined()
    expect(errorPlace('found duplicate series', 'up')).toBeUndefined()
  })
})
