import { describe, expect, it } from 'vitest'
import { apiUrl, formatView, parseView } from './url'

describe('parseView', () => {
  it('takes the overview where nothing is named', () => {
    expect(parseView('').name).toBe('overview')
    expect(parseView('#/').name).toBe('overview')
  })

  it('gives back what formatView wrote', () => {
    const view = parseView(formatView('explore', { expr: 'rate(a{b="c&d"}[5m]) + 1', range: '1h' }))
    expect(view.name).toBe('explore')
    expect(view.params.get('expr')).toBe('rate(a{b="c&d"}[5m]) + 1')
    expect(view.params.get('range')).toBe('1h')
  })

  it('leaves out what is empty', () => {
    expect(formatView('alerts', { q: '', state: undefined })).toBe('#/alerts')
  })

  it('keeps lists in order', () => {
    const view = parseView(formatView('explore', { expr: ['up', 'a + b', ''] }))
    expect(view.params.getAll('expr')).toEqual(['up', 'a + b'])
  })

  it('takes a broken escape for what it is', () => {
    expect(parseView('#/%zz').name).toBe('%zz')
  })
})

describe('apiUrl', () => {
  it.each([
    ['https://h/', 'https://h/api/v1/query'],
    ['https://h/pharos/', 'https://h/pharos/api/v1/query'],
    ['https://h/pharos/index.html#/explore?expr=up', 'https://h/pharos/api/v1/query'],
  ])('stays below %s', (base, want) => {
    expect(apiUrl(base, '/api/v1/query')).toBe(want)
  })

  it('encodes parameters', () => {
    expect(apiUrl('https://h/', '/api/v1/query', { query: 'a+b' })).toBe('https://h/api/v1/query?query=a%2Bb')
  })
})
