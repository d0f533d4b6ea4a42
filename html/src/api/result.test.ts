import { describe, expect, it } from 'vitest'
import { parseResult } from './result'

describe('parseResult', () => {
  it('reads a vector', () => {
    const data = { resultType: 'vector', result: [{ metric: { __name__: 'up', job: 'a' }, value: [1.5, '1'] }] }
    expect(parseResult(data)).toEqual({
      type: 'vector',
      series: [{ labels: { __name__: 'up', job: 'a' }, samples: [[1.5, '1']] }],
    })
  })

  it('reads a matrix and leaves out what is no sample', () => {
    const data = { resultType: 'matrix', result: [{ metric: {}, values: [[1, '2'], ['x', '3'], [4], null] }] }
    expect(parseResult(data).series[0]?.samples).toEqual([[1, '2']])
  })

  it('reads a scalar', () => {
    expect(parseResult({ resultType: 'scalar', result: [7, 'NaN'] }).series[0]?.samples).toEqual([[7, 'NaN']])
  })

  it('shows a histogram by what it counted', () => {
    const data = { resultType: 'vector', result: [{ metric: {}, histogram: [1, { count: '5', sum: '2.5' }] }] }
    expect(parseResult(data).series[0]?.samples).toEqual([[1, 'histogram: count 5, sum 2.5']])
  })

  it.each([undefined, null, {}, { resultType: 'vector' }, { resultType: 'other', result: [] }])('refuses %j', (data) => {
    expect(() => parseResult(data)).toThrow("the server's answer has no")
  })
})
