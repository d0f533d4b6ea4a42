// The overview: numbers and charts are those of the server.

import assert from 'node:assert/strict'
import { api, eventually, open, pixels, test, waitFor } from './lib.mjs'

const TITLES = ['Requests per second', 'Responses by status class', 'Latency', 'Connections', 'Traffic', 'Targets', 'Samples ingested', 'Store size']

async function value(page, title) {
  const text = page.locator(`.panel[aria-label="${title}"] .panel-value`)
  await waitFor(`a value of ${title}`, async () => !['…', '–'].includes(await text.textContent()))
  return text.textContent()
}

test('each panel has a number', async (page) => {
  await open(page, '#/overview')
  await page.locator('.panel').first().waitFor()
  assert.deepEqual(await page.locator('.panel h2').allTextContents(), TITLES)
  for (const title of TITLES) assert.match(await value(page, title), /^[\d.]/, title)
})

test('the targets are as many as the server says', async (page) => {
  await open(page, '#/overview')
  await eventually(async () => {
    const { activeTargets } = await api(page, 'api/v1/targets')
    assert.equal(await value(page, 'Targets'), String(activeTargets.filter((t) => t.health === 'up').length))
  })
})

test('the store is as large as the server says', async (page) => {
  await open(page, '#/overview')
  await eventually(async () => {
    const shown = await value(page, 'Store size')
    const { result } = await api(page, 'api/v1/query', { query: 'sum(pharos_store_used_bytes)' })
    const { storeStats } = await api(page, 'api/v1/status/tsdb')
    const want = result.length > 0 ? Number(result[0].value[1]) : storeStats.usedBytes
    const units = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }
    const [number, unit] = shown.split(' ')
    const bytes = Number(number) * units[unit]
    // a store that is young grows by leaps
    assert.ok(Math.abs(bytes - want) < 0.1 * want + 131072, `${shown} for ${want} bytes`)
  })
})

test('requests and connections are drawn', async (page) => {
  await open(page, '#/overview')
  for (const title of ['Requests per second', 'Connections']) {
    await value(page, title)
    const canvas = page.locator(`.panel[aria-label="${title}"] canvas`)
    await waitFor(`a line in ${title}`, async () => (await pixels(canvas, 'var(--series-0)')) > 20)
  }
})

test('status classes have colours that mean something', async (page) => {
  await open(page, '#/overview')
  await value(page, 'Responses by status class')
  const panel = page.locator('.panel[aria-label="Responses by status class"]')
  await waitFor('2xx in green', async () => (await pixels(panel.locator('canvas'), 'var(--series-good)')) > 20)
})

test('alerts that fire are listed', async (page) => {
  await open(page, '#/overview')
  await eventually(async () => {
    const { alerts } = await api(page, 'api/v1/alerts')
    const firing = alerts.filter((a) => a.state === 'firing')
    assert.ok(firing.length > 0)
    const text = await page.locator('.firing').textContent()
    assert.match(text, new RegExp(`${firing.length} alerts? firing`))
    for (const a of firing.slice(0, 8)) assert.ok(text.includes(a.labels.alertname), a.labels.alertname)
  })
})

test('it refreshes by itself, in place', async (page) => {
  await open(page, '#/overview')
  await value(page, 'Requests per second')
  const panel = await page.locator('.panel').first().elementHandle()
  const canvas = await page.locator('.panel canvas').first().elementHandle()
  await page.waitForRequest((r) => r.url().includes('query_range'))
  await page.waitForResponse((r) => r.url().includes('query_range'))
  assert.ok(await panel.evaluate((el) => el.isConnected), 'the panel is the same')
  assert.ok(await canvas.evaluate((el) => el.isConnected), 'and so is the canvas')
})

test('a panel leads to its queries, the range into the address', async (page) => {
  await open(page, '#/overview')
  await page.getByRole('button', { name: '15m' }).click()
  await waitFor('the address', () => page.url().endsWith('#/overview?range=15m'))
  await page.locator('.panel h2 a', { hasText: 'Latency' }).click()
  await page.locator('.query').nth(2).waitFor()
  assert.match(page.url(), /#\/explore\?expr=histogram_quantile/)
  assert.match(page.url(), /range=15m/)
})

test('a metric that has no samples is told from one that is zero', async (page) => {
  await page.route('**/api/v1/query_range', (route) => route.fulfill({ json: { status: 'success', data: { resultType: 'matrix', result: [] } } }))
  await open(page, '#/overview')
  const panel = page.locator('.panel[aria-label="Connections"]')
  await panel.getByText('No samples in this time').waitFor()
  assert.equal(await panel.locator('.panel-value').textContent(), '–')
})
