import { describe, expect, it } from 'vitest'
import { parsePlan } from './explain'

describe('parsePlan', () => {
  it('reads a tree', () => {
    const leaf = { expr: 'a[5m]', type: 'range selector', steps: 3, series: 2, samples: 40, milliseconds: 1.5 }
    const plan = parsePlan({ expr: 'rate(a[5m])', type: 'function', series: 2, samples: 6, milliseconds: 2, once: true, children: [leaf] })
    expect(plan.once).toBe(true)
    expect(plan.children[0]).toEqual({ expr: 'a[5m]', series: 2, samples: 40, seconds: 0.0015, once: false, children: [] })
  })

  it('has no figures where there are none', () => {
    expect(parsePlan({ type: 'selector' })).toEqual({ expr: 'selector', series: undefined, samples: undefined, seconds: undefined, once: false, children: [] })
  })
})
