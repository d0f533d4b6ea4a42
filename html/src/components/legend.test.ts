import { expect, it } from 'vitest'
import { nextHidden } from './legend'

const KEYS = ['a', 'b', 'c']

it('isolates, and shows all again', () => {
  const one = nextHidden(new Set(), KEYS, 'b', false)
  expect([...one]).toEqual(['a', 'c'])
  expect([...nextHidden(one, KEYS, 'b', false)]).toEqual([])
  expect([...nextHidden(one, KEYS, 'a', false)]).toEqual(['b', 'c'])
})

it('adds and takes away, but never all', () => {
  expect([...nextHidden(new Set(['a']), KEYS, 'b', true)]).toEqual(['a', 'b'])
  expect([...nextHidden(new Set(['a', 'b']), KEYS, 'a', true)]).toEqual(['b'])
  expect([...nextHidden(new Set(['a', 'b']), KEYS, 'c', true)]).toEqual([])
})
