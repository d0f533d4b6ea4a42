// The graph of Explore: what is on the canvas, and what a mouse does to it.

import assert from 'node:assert/strict'
import { api, eventually, open, pixels, test, waitFor } from './lib.mjs'

const canvas = (page) => page.locator('.explore-graph canvas')

function hash(page) {
  return new URLSearchParams(page.url().split('?')[1] ?? '')
}

// An answer of our own: series of the grid that was asked for.
function answer(page, make) {
  return page.route('**/api/v1/query_range', (route) => {
    const asked = new URLSearchParams(route.request().postData())
    const [start, end, step] = ['start', 'end', 'step'].map((k) => Number(asked.get(k)))
    const times = Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, i) => start + i * step)
    return route.fulfill({ json: { status: 'success', data: { resultType: 'matrix', result: make(times) } } })
  })
}

const flat = (name, value) => (times) => ({ metric: { __name__: name }, values: times.map((t) => [t, String(value)]) })

test('each series is drawn in its colour and listed', async (page) => {
  await open(page, '#/explore?expr=up&range=15m')
  await page.locator('.legend-entry').first().waitFor()
  const now = Math.floor(Date.now() / 1000)
  const { result } = await api(page, 'api/v1/query_range', { query: 'up', start: String(now - 900), end: String(now), step: '5' })
  await eventually(async () => {
    assert.equal(await page.locator('.legend-entry').count(), result.length)
    assert.ok((await page.locator('.query-summary').textContent()).startsWith(`${result.length} series`))
  })
  // lines may lie upon each other: the last is always seen
  const token = `var(--series-${(result.length - 1) % 10})`
  await waitFor('the line', async () => (await pixels(canvas(page), token)) > 20)
})

test('a value is drawn at its height', async (page) => {
  await answer(page, (times) => [flat('low', 1)(times), flat('high', 9)(times)])
  await open(page, '#/explore?expr=x&range=15m')
  await waitFor('lines', async () => (await pixels(canvas(page), 'var(--series-0)')) > 200)
  await eventually(async () => {
    const [low, high] = [await row(page, 'var(--series-0)'), await row(page, 'var(--series-1)')]
    assert.ok(low > 0.75 && low < 1, `1 of 9 is near the bottom, at ${low}`)
    assert.ok(high < 0.25, `9 of 9 is near the top, at ${high}`)
  })
})

test('a gap is a gap', async (page) => {
  const gap = (times) => [{ metric: {}, values: times.filter((_, i) => i < times.length * 0.3 || i > times.length * 0.7).map((t) => [t, '5']) }]
  await answer(page, (times) => [flat('all', 5)(times)])
  await open(page, '#/explore?expr=x&range=15m')
  await waitFor('a line', async () => (await pixels(canvas(page), 'var(--series-0)')) > 200)
  const whole = await pixels(canvas(page), 'var(--series-0)')
  await page.unroute('**/api/v1/query_range')
  await answer(page, gap)
  await page.getByRole('button', { name: 'Run' }).click()
  await waitFor('less of a line', async () => (await pixels(canvas(page), 'var(--series-0)')) < whole * 0.75)
  await waitFor('all of its parts', async () => (await pixels(canvas(page), 'var(--series-0)')) > whole * 0.4)
})

test('a legend entry isolates its line', async (page) => {
  await answer(page, (times) => [flat('a', 1)(times), flat('b', 5)(times), flat('c', 9)(times)])
  await open(page, '#/explore?expr=x&range=15m')
  await waitFor('lines', async () => (await pixels(canvas(page), 'var(--series-0)')) > 200)
  await page.locator('.legend-entry', { hasText: 'b' }).click()
  await waitFor('one line', async () => (await pixels(canvas(page), 'var(--series-0)')) === 0)
  assert.ok((await pixels(canvas(page), 'var(--series-1)')) > 200)
  await eventually(async () => assert.deepEqual(await pressed(page), ['false', 'true', 'false']))
  await page.locator('.legend-entry', { hasText: 'b' }).click()
  await eventually(async () => assert.deepEqual(await pressed(page), ['true', 'true', 'true']))
  await page.locator('.legend-entry', { hasText: 'a' }).click({ modifiers: ['Shift'] })
  await eventually(async () => assert.deepEqual(await pressed(page), ['false', 'true', 'true']))
})

test('stacked lines stand upon each other', async (page) => {
  await answer(page, (times) => [flat('a', 4)(times), flat('b', 4)(times)])
  await open(page, '#/explore?expr=x&range=15m')
  await waitFor('the first line over the other', async () => (await pixels(canvas(page), 'var(--series-0)')) > 200)
  await page.getByLabel('Stacked').check()
  await waitFor('the address', () => hash(page).get('stacked') === '1')
  await waitFor('two heights', async () => (await pixels(canvas(page), 'var(--series-1)')) > 200)
  await eventually(async () => {
    const [a, b] = [await row(page, 'var(--series-0)'), await row(page, 'var(--series-1)')]
    assert.ok(b < a - 0.2, `8 at ${b} is above 4 at ${a}`)
  })
})

test('the tooltip lists values by size', async (page) => {
  await answer(page, (times) => [flat('a', 3)(times), flat('b', 9)(times), flat('c', 5)(times)])
  await open(page, '#/explore?expr=x&range=15m')
  await waitFor('lines', async () => (await pixels(canvas(page), 'var(--series-0)')) > 200)
  const box = await page.locator('.explore-graph .u-over').boundingBox()
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
  await page.locator('.tooltip-row').nth(2).waitFor()
  await eventually(async () => {
    assert.deepEqual(await page.locator('.tooltip-name').allTextContents(), ['b', 'c', 'a'])
    assert.deepEqual(await page.locator('.tooltip-value').allTextContents(), ['9', '5', '3'])
  })
  assert.match(await page.locator('.tooltip-time').textContent(), /^\d{4}-\d\d-\d\d \d\d:\d\d/)
})

test('exemplars are dots, and tell their labels', async (page) => {
  await answer(page, (times) => [flat('a', 1)(times), flat('b', 9)(times)])
  const asked = []
  await page.route('**/api/v1/query_exemplars', (route) => {
    const params = new URLSearchParams(route.request().postData())
    asked.push(params)
    const end = Number(params.get('end'))
    const one = (id, back, value) => ({ labels: { trace_id: id }, value, timestamp: end - back })
    return route.fulfill({ json: { status: 'success', data: [{ seriesLabels: { __name__: 'a', le: '1' },
      exemplars: [one('abc', 700, '4'), one('def', 60, '6'), one('high', 30, '1e9'), one('none', 60, 'NaN'), one('old', 9000, '5')] }] } })
  })
  await open(page, '#/explore?expr=rate(a[5m])&range=15m')
  await waitFor('a line', async () => (await pixels(canvas(page), 'var(--series-0)')) > 200)
  assert.equal(await page.locator('.mark').count(), 0)
  assert.equal(asked.length, 0)
  await page.getByLabel('Exemplars').check()
  await page.locator('.mark').first().waitFor()
  assert.equal(hash(page).get('exemplars'), '1')
  assert.equal(asked[0].get('query'), 'rate(a[5m])')
  assert.equal(await page.locator('.mark').count(), 3)
  const over = await page.locator('.explore-graph .u-over').boundingBox()
  const box = async (n) => page.locator('.mark').nth(n).boundingBox()
  const [first, second, third] = [await box(0), await box(1), await box(2)]
  assert.ok(first.x < over.x + over.width / 2 && second.x > over.x + over.width / 2, 'at their times')
  assert.ok(third.y < second.y && second.y < first.y && third.y > over.y - 10, `at their values, or the edge: ${first.y}, ${second.y}, ${third.y}`)
  await page.locator('.mark').first().hover()
  const tip = page.locator('.mark').first().locator('.mark-tip')
  await waitFor('its labels', () => tip.isVisible())
  assert.deepEqual(await tip.locator('.tooltip-row').allTextContents(), ['trace_idabc', '__name__a', 'le1'])
  await page.getByLabel('Exemplars').uncheck()
  await waitFor('no dots', async () => (await page.locator('.mark').count()) === 0)
})

test('dragging zooms, and the address says so', async (page) => {
  await open(page, '#/explore?expr=up&range=1h')
  await page.locator('.legend-entry').first().waitFor()
  const box = await page.locator('.explore-graph .u-over').boundingBox()
  await page.mouse.move(box.x + box.width * 0.25, box.y + 100)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.5, box.y + 100, { steps: 5 })
  await page.mouse.move(box.x + box.width * 0.75, box.y + 100, { steps: 5 })
  await page.mouse.up()
  await waitFor('the address', () => hash(page).has('from'))
  const [from, to] = [Number(hash(page).get('from')), Number(hash(page).get('to'))]
  assert.ok(Math.abs(to - from - 1800) < 60, `half of an hour is ${to - from} s`)
  assert.ok(to < Date.now() / 1000 - 600, 'it ends a quarter before now')
  assert.equal(hash(page).get('range'), null)
  await page.goBack()
  await waitFor('the hour', () => hash(page).get('range') === '1h')
})

test('ranges are chosen, typed, moved and widened', async (page) => {
  await open(page, '#/explore?expr=up&range=1h')
  const summary = page.locator('.range-picker summary')
  await summary.click()
  await page.locator('.presets button', { hasText: /^6h$/ }).click()
  await waitFor('6h', () => hash(page).get('range') === '6h')
  await page.getByRole('button', { name: 'Wider' }).click()
  await waitFor('12h', () => hash(page).get('range') === '12h')
  await page.getByRole('button', { name: 'Earlier' }).click()
  await waitFor('earlier', () => Number(hash(page).get('to')) < Date.now() / 1000 - 6 * 3600 + 60)
  await summary.click()
  await page.getByLabel('From', { exact: true }).fill('2026-01-02T03:00:01')
  await page.getByLabel('To', { exact: true }).fill('2026-01-02T02:00:01')
  await page.getByRole('button', { name: 'Apply' }).click()
  await page.getByText('The end must come after the beginning').waitFor()
  await page.getByLabel('To', { exact: true }).fill('2026-01-02T04:00:01')
  await page.getByRole('button', { name: 'Apply' }).click()
  await waitFor('the hour', () => Number(hash(page).get('to')) - Number(hash(page).get('from')) === 3600)
  await page.getByText('No samples').waitFor()
})

test('a typed step is asked for', async (page) => {
  await open(page, '#/explore?expr=up&range=1h')
  const step = page.getByLabel(/^Step/).first()
  const [request] = await Promise.all([
    page.waitForRequest((r) => r.url().includes('query_range') && /step=90(&|$)/.test(r.postData() ?? '')),
    step.fill('1m30s').then(() => step.press('Enter')),
  ])
  assert.ok(request)
  assert.equal(hash(page).get('step'), '1m30s')
})

test('auto refresh asks again, and keeps the canvas', async (page) => {
  await open(page, '#/explore?expr=up&range=15m&refresh=5s')
  await page.locator('.legend-entry').first().waitFor()
  const before = await canvas(page).elementHandle()
  await page.waitForResponse((r) => r.url().includes('query_range'))
  await page.locator('.legend-entry').first().waitFor()
  assert.ok(await before.evaluate((el) => el.isConnected))
})

test('leaving ends the requests', async (page) => {
  let asked = false
  await page.route('**/api/v1/query_range', () => {
    asked = true
  })
  const failed = []
  page.on('requestfailed', (r) => failed.push(`${new URL(r.url()).pathname} ${r.failure().errorText}`))
  await open(page, '#/explore?expr=up')
  await waitFor('the request', () => asked)
  await page.locator('.nav-link', { hasText: 'Alerts' }).click()
  await waitFor('its end', () => failed.some((f) => /query_range .*ABORTED/.test(f)))
})

test('ten thousand series do not hang the page', async (page) => {
  await answer(page, (times) => Array.from({ length: 10000 }, (_, i) => ({
    metric: { __name__: 'many', i: String(i) }, values: times.filter((_, k) => k % 4 === 0).map((t) => [t, String(i % 97)]),
  })))
  await open(page, '#/explore?expr=many&range=1h')
  await page.getByText('of 10,000 series are drawn').waitFor({ timeout: 60000 })
  assert.equal(await page.locator('.legend-entry').count(), 250)
  // it goes on answering
  await page.locator('.legend-entry').nth(1).click()
  await waitFor('one line', async () => (await pixels(canvas(page), 'var(--series-0)')) === 0)
  assert.ok((await pixels(canvas(page), 'var(--series-1)')) > 200)
})

function pressed(page) {
  return page.locator('.legend-entry').evaluateAll((list) => list.map((b) => b.getAttribute('aria-pressed')))
}

// Where most of a colour is: 0 is the top of the canvas' plot, 1 its bottom.
function row(page, token) {
  return canvas(page).evaluate((el, color) => {
    const probe = document.createElement('span')
    probe.style.color = color
    document.body.append(probe)
    const want = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number)
    probe.remove()
    const { data } = el.getContext('2d').getImageData(0, 0, el.width, el.height)
    const rows = new Array(el.height).fill(0)
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] > 127 && want.every((c, k) => Math.abs(c - data[i + k]) <= 24)) rows[Math.floor(i / 4 / el.width)]++
    }
    return rows.indexOf(Math.max(...rows)) / (el.height - 34)
  }, token)
}
