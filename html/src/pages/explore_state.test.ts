import { describe, expect, it } from 'vitest'
import { formatView, parseView } from '../lib/url'
import { parseState, stateParams, type ExploreState } from './explore_state'

describe('the address of Explore', () => {
  it('reproduces a view', () => {
    const states: ExploreState[] = [
      { exprs: ['up', 'rate(a{b="&c"}[5m])'], view: 'table', range: { kind: 'last', seconds: 5400 }, step: 15, stacked: true, exemplars: true, refresh: 30 },
      { exprs: [], view: 'graph', range: { kind: 'fixed', from: 100, to: 200 }, step: undefined, stacked: false, exemplars: false, refresh: 0 },
    ]
    for (const state of states) {
      expect(parseState(parseView(formatView('explore', stateParams(state))).params)).toEqual(state)
    }
  })

  it('takes nonsense as the default', () => {
    const state = parseState(new URLSearchParams('view=x&range=y&step=-1&stacked=yes&refresh=7s'))
    expect(state).toEqual({
      exprs: [], view: 'graph', range: { kind: 'last', seconds: 3600 }, step: undefined, stacked: false, exemplars: false, refresh: 0,
    })
  })
})
