// Alerts, targets and status: what stands there is what the API says.

import assert from 'node:assert/strict'
import { api, eventually, open, test, waitFor } from './lib.mjs'

test('rules stand in their groups, with their states', async (page) => {
  await open(page, '#/alerts')
  await page.locator('.group').first().waitFor()
  await eventually(async () => {
    const { groups } = await api(page, 'api/v1/rules')
    assert.deepEqual(await page.locator('.group h2').allTextContents(), groups.map((g) => g.name))
    for (const [i, g] of groups.entries()) {
      const section = page.locator('.group').nth(i)
      assert.deepEqual(await section.locator('.rule-name').allTextContents(), g.rules.map((r) => r.name))
      const states = await section.locator('summary .badge:first-child').allTextContents()
      assert.deepEqual(states.map((s) => s.split(' ')[0]), g.rules.map((r) => (r.type === 'alerting' ? r.state : 'recording')))
      assert.ok((await section.locator('.card-head').textContent()).includes(g.file))
    }
  })
})

test('an alert has its labels, value, and since when', async (page) => {
  await open(page, '#/alerts?state=firing')
  await eventually(async () => {
    const { alerts } = await api(page, 'api/v1/alerts')
    const firing = alerts.filter((a) => a.state === 'firing')
    assert.ok(firing.length > 0)
    assert.equal(await page.locator('.alert-table tbody tr').count(), firing.length)
    const text = await page.locator('.groups').textContent()
    for (const a of firing) {
      for (const [k, v] of Object.entries(a.labels)) if (k !== 'alertname') assert.ok(text.includes(`${k}=${v}`), `${k}=${v}`)
      for (const v of Object.values(a.annotations)) assert.ok(text.includes(v), v)
    }
    const since = await page.locator('.alert-table time').evaluateAll((list) => list.map((t) => Number(t.dataset.at)))
    const want = firing.map((a) => Date.parse(a.activeAt) / 1000)
    assert.deepEqual(since.map(Math.floor).sort(), want.map(Math.floor).sort())
    assert.match(await page.locator('.alert-table time').first().textContent(), /ago$|^now$/)
  })
})

test('rules are filtered by state and text, in the address', async (page) => {
  await open(page, '#/alerts')
  const { groups } = await api(page, 'api/v1/rules')
  const rules = groups.flatMap((g) => g.rules)
  const recording = rules.filter((r) => r.type === 'recording')
  await page.getByRole('button', { name: `Recording ${recording.length}` }).click()
  await waitFor('the filter', async () => (await page.locator('.rule').count()) === recording.length)
  assert.match(page.url(), /state=recording/)
  await page.getByRole('button', { name: `All ${rules.length}` }).click()
  const [first] = rules
  await page.getByRole('searchbox').fill(first.name)
  await waitFor('the address', () => new URLSearchParams(page.url().split('?')[1]).get('q') === first.name)
  await eventually(async () => {
    assert.ok((await page.locator('.rule-name').allTextContents()).includes(first.name))
  })
  await page.getByRole('searchbox').fill('no rule has this')
  await page.getByText('No rule matches').waitFor()
})

test('a rule that was opened stays open, and leads to Explore', async (page) => {
  await open(page, '#/alerts')
  const { groups } = await api(page, 'api/v1/rules')
  const closed = page.locator('.rule:not([open])')
  await page.locator('.rule').first().waitFor()
  if ((await closed.count()) > 0) await closed.first().locator('summary').click()
  const openNow = await page.locator('.rule[open]').count()
  await page.reload()
  await page.locator('.rule').first().waitFor()
  const rule = page.locator('.rule').first()
  if ((await rule.getAttribute('open')) === null) await rule.locator('summary').click()
  assert.ok(openNow > 0)
  assert.equal(await rule.locator('code').textContent(), groups[0].rules[0].query)
  await rule.locator('a', { hasText: 'Explore' }).click()
  await page.locator('.query .cm-content').waitFor()
  assert.equal(new URLSearchParams(page.url().split('?')[1]).get('expr'), groups[0].rules[0].query)
})

test('a rule whose evaluation fails shows the error', async (page) => {
  await page.route('**/api/v1/rules', (route) => route.fulfill({ json: { status: 'success', data: { groups: [{
    name: 'g', file: 'f.yml', interval: 15, evaluationTime: 0.01, lastEvaluation: new Date().toISOString(),
    rules: [{ type: 'recording', name: 'r', query: 'a * b', health: 'err', lastError: 'many-to-many matching not allowed', labels: {} }],
  }] } } }))
  await open(page, '#/alerts')
  await page.getByText('many-to-many matching not allowed').waitFor()
  await page.getByRole('button', { name: 'Failing 1' }).waitFor()
})

test('targets stand in their pools, with health, error and labels', async (page) => {
  await open(page, '#/targets')
  await eventually(async () => {
    const { activeTargets } = await api(page, 'api/v1/targets', { state: 'active' })
    assert.ok(activeTargets.length > 0)
    assert.equal(await page.locator('.targets tbody tr').count(), activeTargets.length)
    const pools = [...new Set(activeTargets.map((t) => t.scrapePool))].sort()
    assert.deepEqual(await page.locator('.groups h2').allTextContents(), pools)
    for (const t of activeTargets) {
      const row = page.locator('.targets tbody tr', { has: page.locator(`a[href="${t.scrapeUrl}"]`) }).first()
      const text = await row.textContent()
      assert.equal(await row.locator('.badge').textContent(), t.health)
      assert.ok(text.includes(t.lastError), t.lastError)
      for (const [k, v] of Object.entries(t.labels)) assert.ok(text.includes(`${k}=${v}`), `${k}=${v}`)
      assert.ok(text.includes(t.scrapeInterval))
    }
  })
})

test('targets are filtered by health and text, in the address', async (page) => {
  await open(page, '#/targets')
  const { droppedTargets } = await api(page, 'api/v1/targets')
  await page.getByRole('button', { name: /^Up / }).click()
  await eventually(async () => {
    const { activeTargets } = await api(page, 'api/v1/targets')
    const up = activeTargets.filter((t) => t.health === 'up')
    assert.ok(up.length > 0)
    assert.equal(await page.getByRole('button', { name: /^Up / }).textContent(), `Up ${up.length}`)
    assert.equal(await page.locator('.targets tbody tr').count(), up.length)
  })
  assert.match(page.url(), /health=up/)
  await page.getByRole('searchbox').fill('no target has this')
  await page.getByText('No target matches').waitFor()
  await page.getByRole('searchbox').fill('')
  await page.getByRole('button', { name: `Dropped ${droppedTargets.length}` }).click()
  if (droppedTargets.length === 0) await page.getByText('No target was dropped').waitFor()
  else await waitFor('dropped ones', async () => (await page.locator('tbody tr').count()) === droppedTargets.length)
})

test('discovered labels are shown on demand, and stay open over a refresh', async (page) => {
  await open(page, '#/targets')
  const details = page.locator('.discovered').first()
  await details.locator('summary').click()
  assert.ok((await details.textContent()).includes('__address__='))
  await page.waitForResponse((r) => r.url().includes('/api/v1/targets'))
  await page.waitForResponse((r) => r.url().includes('/api/v1/targets'))
  assert.notEqual(await page.locator('.discovered').first().getAttribute('open'), null)
})

test('the store\'s size and cardinality are those of the API', async (page) => {
  await open(page, '#/status')
  await page.locator('.count-table').first().waitFor()
  await eventually(async () => {
    // shown as it was when the page was opened
    await page.reload()
    await page.locator('.count-table').first().waitFor()
    const tsdb = await api(page, 'api/v1/status/tsdb', { limit: '10' })
    const shown = Number((await page.locator('.stat', { hasText: 'Series' }).locator('.panel-value').textContent()).replaceAll(',', ''))
    assert.ok(Math.abs(shown - tsdb.headStats.numSeries) <= 0.1 * shown + 20, `${shown} of ${tsdb.headStats.numSeries}`)
    const rows = await page.locator('.count-table').first().locator('tbody tr').evaluateAll((list) => list.map((r) => r.children[0].textContent))
    assert.ok(rows.length > 0 && rows.length <= 10)
    assert.equal(rows[0], tsdb.seriesCountByMetricName[0].name)
  })
  const widths = await page.locator('.count-table').first().locator('.bar').evaluateAll((list) => list.map((b) => b.getBoundingClientRect().width))
  assert.deepEqual(widths, [...widths].sort((a, b) => b - a), 'bars fall with the counts')
  assert.ok(widths[0] > 50)
})

test('more rows are had on demand', async (page) => {
  await open(page, '#/status')
  await page.getByRole('button', { name: 'Top 25' }).click()
  await eventually(async () => {
    const { seriesCountByMetricName: counts } = await api(page, 'api/v1/status/tsdb', { limit: '25' })
    assert.ok(counts.length > 10)
    assert.equal(await page.locator('.count-table').first().locator('tbody tr').count(), counts.length)
  })
  assert.match(page.url(), /top=25/)
})

test('runtime, build, flags and configuration are shown', async (page) => {
  await open(page, '#/status?tab=runtime')
  const build = await api(page, 'api/v1/status/buildinfo')
  await page.locator('td', { hasText: build.version }).first().waitFor()
  await page.getByRole('button', { name: 'Flags' }).click()
  const flags = await api(page, 'api/v1/status/flags')
  await waitFor('the flags', async () => (await page.locator('tbody tr').count()) === Object.keys(flags).length
    || (await page.getByText('No flag matches').count()) === 1)
  await page.getByRole('button', { name: 'Configuration' }).click()
  const config = await api(page, 'api/v1/status/config')
  await page.locator('pre.config').waitFor()
  assert.equal(await page.locator('pre.config').textContent(), config.yaml)
  assert.match(page.url(), /tab=config/)
})
