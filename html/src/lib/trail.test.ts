import { expect, it } from 'vitest'
import { follow, rates, type Seen } from './trail'

function walk(...seen: [number, number][]): Seen[] {
  return seen.reduce<Seen[]>((trail, [t, appended]) => follow(trail, { t, appended, bytes: 0 }), [])
}

it('has a rate between each two polls', () => {
  expect(rates(walk([0, 100], [5, 200], [10, 200]))).toEqual({ times: [5, 10], values: [20, 0] })
})

it('starts anew where the counter fell', () => {
  expect(rates(walk([0, 100], [5, 200], [10, 7], [15, 17]))).toEqual({ times: [15], values: [2] })
})

it('has nothing to say after one poll', () => {
  expect(rates(walk([0, 1])).values).toEqual([])
})
