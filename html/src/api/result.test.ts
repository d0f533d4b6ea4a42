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

  it('reads a histogram', () => {
    const buckets = [[0, '-2', '-1', '1'], [3, '-0.5', '0.5', '0.5'], [1, '1', '2', '2'], [2, '2', '+Inf', '0']]
    const data = { resultType: 'vector', result: [{ metric: {}, histogram: [1, { count: '5', sum: '2.5', buckets }] }] }
    expect(parseResult(data).series[0]?.samples).toEqual([[1, 'count 5, sum 2.5', {
      count: '5',
      sum: '2.5',
      buckets: [
        { range: '(-2, -1]', count: '1', share: 0.5 },
        { range: '[-0.5, 0.5]', count: '0.5', share: 0.25 },
        { range: '[1, 2)', count: '2', share: 1 },
        { range: '(2, +Inf)', count: '0', share: 0 },
      ],
    }]])
  })

  it('reads a histogram without buckets, and floats beside it', () => {
    const data = { resultType: 'matrix', result: [{ metric: {}, values: [[1, '2'], [3, '4']], histograms: [[2, { count: '0', sum: '0' }]] }] }
    expect(parseResult(data).series[0]?.samples).toEqual([[1, '2'], [2, 'count 0, sum 0', { count: '0', sum: '0', buckets: [] }], [3, '4']])
  })

  it.each([undefined, null, {}, { resultType: 'vector' }, { resultType: 'other', result: [] }])('refuses %j', (data) => {
    expect(() => parseResult(data)).toThrow("the server's answer has no")
  })
})
