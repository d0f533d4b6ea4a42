// Explore: the editor, the table, and what stands in the address.

import assert from 'node:assert/strict'
import { api, base, eventually, open, test, waitFor } from './lib.mjs'

const content = (page) => page.locator('.query .cm-content').first()

async function type(page, text) {
  await content(page).click()
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.press('Delete')
  await page.keyboard.type(text)
}

function hash(page) {
  return new URLSearchParams(page.url().split('?')[1] ?? '')
}

test('the table has the values of the server', async (page) => {
  const at = Math.floor(Date.now() / 1000) - 5
  await open(page, `#/explore?expr=up&view=table&from=${at - 3600}&to=${at}`)
  await page.locator('.explore-table tbody tr').first().waitFor()
  const { result } = await api(page, 'api/v1/query', { query: 'up', time: String(at) })
  const rows = await page.locator('.explore-table tbody tr').evaluateAll((list) => list.map((r) => [...r.children].map((c) => c.textContent)))
  const want = result.map(({ metric, value }) => {
    const labels = Object.keys(metric).filter((k) => k !== '__name__').sort().map((k) => `${k}=${JSON.stringify(metric[k])}`)
    return [`${metric.__name__}{${labels.join(', ')}}`, value[1]]
  })
  assert.deepEqual(rows, want)
})

test('the table is sorted by value where that is wanted', async (page) => {
  await open(page, '#/explore?expr=scrape_duration_seconds&view=table')
  const sort = page.locator('.sort')
  await sort.click()
  await eventually(async () => {
    const values = (await page.locator('.explore-table td.num').allTextContents()).map(Number)
    assert.ok(values.length > 1)
    assert.deepEqual(values, [...values].sort((a, b) => b - a))
  })
  assert.equal(await page.locator('th[aria-sort=descending]').count(), 1)
})

test('a query is explained part by part', async (page) => {
  await open(page, '#/explore?expr=sum(rate(scrape_duration_seconds[5m]))')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.locator('.plan tbody tr').first().waitFor()
  const parts = await page.locator('.plan tbody tr td:first-child').allTextContents()
  assert.deepEqual(parts, ['sum(rate(scrape_duration_seconds[5m]))', 'rate(scrape_duration_seconds[5m])', 'scrape_duration_seconds[5m]'])
  await eventually(async () => {
    const figures = await page.locator('.plan tbody tr').last().locator('td.num').allTextContents()
    assert.ok(figures.length === 3 && figures.every((f) => f !== ''))
  })
})

test('a histogram is shown with its buckets', async (page) => {
  const buckets = [[0, '1', '2', '4'], [0, '2', '4', '1']]
  const result = [{ metric: { __name__: 'h' }, histogram: [1, { count: '5', sum: '9.5', buckets }] }]
  await page.route(/api\/v1\/query(\?|$)/, (route) => route.fulfill({ json: { status: 'success', data: { resultType: 'vector', result } } }))
  await open(page, '#/explore?expr=h&view=table')
  await page.locator('.histogram').waitFor()
  assert.equal(await page.locator('.histogram summary').textContent(), 'count 5, sum 9.5')
  const rows = await page.locator('.histogram tr').evaluateAll((list) => list.map((r) => [...r.children].map((c) => c.textContent)))
  assert.deepEqual(rows, [['(1, 2]', '', '4'], ['(2, 4]', '', '1']])
  const widths = await page.locator('.histogram .bar').evaluateAll((list) => list.map((b) => b.getBoundingClientRect().width))
  assert.ok(widths[0] > 3.5 * widths[1] && widths[1] > 0, `bars of ${widths.join(' and ')}`)
})

test('typing proposes metrics, Tab takes the first', async (page) => {
  const names = await api(page, 'api/v1/label/__name__/values')
  const name = names.find((n) => n.startsWith('scrape_samples_p')) ?? names[0]
  await open(page, '#/explore')
  await type(page, name.slice(0, -3))
  const options = page.locator('.cm-tooltip-autocomplete li')
  await options.first().waitFor()
  await eventually(async () => {
    assert.ok((await options.allTextContents()).some((t) => t.includes(name)), name)
  })
  await page.keyboard.press('Tab')
  await waitFor('the name', async () => names.includes((await content(page).textContent()).trim()))
})

test('typing proposes labels and their values', async (page) => {
  await open(page, '#/explore')
  await type(page, 'up{')
  await page.keyboard.type('jo')
  await page.locator('.cm-tooltip-autocomplete li', { hasText: 'job' }).first().waitFor()
  await page.keyboard.type('b="')
  const [job] = await api(page, 'api/v1/label/job/values')
  await page.locator('.cm-tooltip-autocomplete li', { hasText: job }).first().waitFor()
})

test('typing proposes functions', async (page) => {
  await open(page, '#/explore')
  await type(page, 'histogram_q')
  await page.locator('.cm-tooltip-autocomplete li', { hasText: 'histogram_quantile' }).first().waitFor()
})

test('Enter runs, Shift+Enter begins a line', async (page) => {
  await open(page, '#/explore?view=table')
  await type(page, 'count(up)')
  await page.keyboard.press('Shift+Enter')
  await page.keyboard.type('+ 1000')
  await page.keyboard.press('Enter')
  await page.locator('.explore-table td.num').waitFor()
  assert.match(hash(page).get('expr'), /^count\(up\)\n\s*\+ 1000$/)
  const { result } = await api(page, 'api/v1/query', { query: 'count(up)' })
  assert.equal(await page.locator('.explore-table td.num').textContent(), String(Number(result[0].value[1]) + 1000))
})

test('a mistake is underlined while typing', async (page) => {
  await open(page, '#/explore')
  await type(page, 'rate(up)')
  await page.locator('.cm-lintRange-error').first().waitFor()
})

test('the server\'s error has its text and its place', async (page) => {
  await open(page, '#/explore?expr=sum(up)%20%2B%20nonsense(up)&view=table')
  const said = page.locator('.query .notice.bad')
  await said.waitFor()
  assert.match(await said.textContent(), /1:11: parse error: unknown function/)
  assert.equal(await page.locator('.cm-server-error').textContent(), 'nonsense')
  await page.getByText('See the error above').waitFor()
}, { allow: [/status of 400/] })

test('warnings and infos are shown', async (page) => {
  await page.route('**/api/v1/query', (route) => route.fulfill({ json: {
    status: 'success', data: { resultType: 'vector', result: [] }, warnings: ['results truncated'], infos: ['metric might not be a counter'],
  } }))
  await open(page, '#/explore?expr=x&view=table')
  assert.equal(await page.locator('.notice.warn').textContent(), 'results truncated')
  assert.equal(await page.locator('.query .notice.info').textContent(), 'metric might not be a counter')
  await page.getByText('No result').waitFor()
})

test('one query that fails leaves the other its answer', async (page) => {
  await open(page, '#/explore?expr=sum(&expr=vector(7)&view=table')
  await page.locator('.explore-table tbody tr').waitFor()
  assert.deepEqual(await page.locator('.explore-table tbody tr > *').allTextContents(), ['B', '{}', '7'])
  assert.equal(await page.locator('.query .notice.bad').count(), 1)
}, { allow: [/status of 400/] })

test('queries are added and removed', async (page) => {
  await open(page, '#/explore?expr=vector(1)&view=table')
  await page.getByRole('button', { name: 'Add query' }).click()
  await page.locator('.query').nth(1).locator('.cm-content').waitFor()
  await page.keyboard.type('vector(2)')
  await page.keyboard.press('Enter')
  await waitFor('two rows', async () => (await page.locator('.explore-table tbody tr').count()) === 2)
  assert.deepEqual(hash(page).getAll('expr'), ['vector(1)', 'vector(2)'])
  await page.getByRole('button', { name: 'Remove this query' }).first().click()
  await waitFor('one row', async () => (await page.locator('.explore-table tbody tr').count()) === 1)
  assert.deepEqual(hash(page).getAll('expr'), ['vector(2)'])
})

test('history keeps what was run', async (page) => {
  await open(page, '#/explore?view=table')
  await type(page, 'vector(42)')
  await page.keyboard.press('Enter')
  await page.locator('.explore-table td.num').waitFor()
  await open(page, '#/explore')
  await page.reload()
  await page.getByText('History').click()
  await page.locator('.history-list button', { hasText: 'vector(42)' }).click()
  await waitFor('the query', () => hash(page).get('expr') === 'vector(42)')
})

test('back goes to the query before', async (page) => {
  await open(page, '#/explore?expr=vector(1)&view=table')
  await page.locator('.explore-table td.num', { hasText: /^1$/ }).waitFor()
  await type(page, 'vector(2)')
  await page.keyboard.press('Enter')
  await page.locator('.explore-table td.num', { hasText: /^2$/ }).waitFor()
  await page.goBack()
  await page.locator('.explore-table td.num', { hasText: /^1$/ }).waitFor()
  assert.equal(await content(page).textContent(), 'vector(1)')
})

test('the link reproduces the view', async (page, context) => {
  await open(page, '#/explore?expr=up&range=15m&stacked=1')
  await page.locator('.legend-entry').first().waitFor()
  const link = await page.locator('a', { hasText: 'Copy link' }).getAttribute('href')
  const other = await context.newPage()
  await other.goto(base + link)
  await other.locator('.legend-entry').first().waitFor()
  await eventually(async () => {
    assert.deepEqual(await other.locator('.legend-name').allTextContents(), await page.locator('.legend-name').allTextContents())
  })
  const params = new URLSearchParams(link.split('?')[1])
  assert.equal(Number(params.get('to')) - Number(params.get('from')), 900)
  assert.ok(await other.getByLabel('Stacked').isChecked())
})

test('it works without the editor', async (page) => {
  await page.route('**/assets/editor-*.js', (route) => route.abort())
  await open(page, '#/explore?view=table')
  await page.locator('textarea').fill('vector(5)')
  await page.locator('textarea').press('Enter')
  await page.locator('.explore-table td.num', { hasText: /^5$/ }).waitFor()
}, { allow: [/Failed to load resource/] })
