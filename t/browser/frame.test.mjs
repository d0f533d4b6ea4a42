// The frame: every page opens, in both themes, on a phone, by keyboard.

import assert from 'node:assert/strict'
import { open, test, waitFor } from './lib.mjs'

const PAGES = {
  overview: '.panel',
  explore: '.query .cm-content',
  alerts: '.group, .state strong',
  targets: '.targets, .state strong',
  status: '.count-table',
}

const HASHES = { explore: '#/explore?expr=up&expr=count(up)&range=15m' }

for (const [name, landmark] of Object.entries(PAGES)) {
  test(`${name} opens, without errors or foreign requests`, async (page) => {
    await open(page, HASHES[name] ?? `#/${name}`)
    await page.locator(landmark).first().waitFor()
    assert.equal(await page.title(), `${name[0].toUpperCase()}${name.slice(1)} · Pharos`)
    assert.equal(await page.locator('h1').count(), 1)
    assert.equal(await page.locator('.nav [aria-current=page]').textContent(), `${name[0].toUpperCase()}${name.slice(1)}`)
    assert.equal(await page.locator('style').count(), 0, 'styles come from files')
  })

  test(`${name} fits a phone`, async (page) => {
    await open(page, HASHES[name] ?? `#/${name}`)
    await page.locator(landmark).first().waitFor()
    const widths = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth])
    assert.ok(widths[0] <= 390, `the page is ${widths[0]} px wide`)
    assert.equal(widths[1], 390)
  }, { view: 'phone' })
}

test('a thumb reaches the navigation of a phone', async (page) => {
  await open(page, '#/overview')
  const link = page.locator('.nav-link', { hasText: 'Targets' })
  const box = await link.boundingBox()
  assert.ok(box.y > 844 * 0.85, 'it is at the bottom')
  assert.ok(box.height >= 44 && box.width >= 44, 'it is large enough')
  await link.tap()
  await waitFor('the targets', async () => (await page.title()) === 'Targets · Pharos')
}, { view: 'phone' })

test('the system\'s dark theme is followed', async (page) => {
  await open(page, '#/overview')
  assert.equal(await brightness(page), 'dark')
}, { scheme: 'dark' })

test('the theme can be switched, and stays', async (page) => {
  await open(page, '#/overview')
  assert.equal(await brightness(page), 'light')
  const button = page.locator('.theme-button')
  await button.click()
  assert.equal(await brightness(page), 'light')
  await button.click()
  assert.equal(await brightness(page), 'dark')
  await page.reload()
  assert.equal(await brightness(page), 'dark')
})

test('text has contrast in both themes', async (page) => {
  for (const theme of ['light', 'dark']) {
    await open(page, '#/alerts')
    await page.evaluate((t) => { document.documentElement.dataset.theme = t }, theme)
    const poor = await page.evaluate(lowContrast)
    assert.deepEqual(poor, [], theme)
  }
})

test('the keyboard reaches the pages, and shows where it is', async (page) => {
  await open(page, '#/overview')
  await page.locator('.nav').waitFor()
  const seen = []
  for (let i = 0; i < 8; i++) {
    await page.keyboard.press('Tab')
    seen.push(await page.evaluate(() => document.activeElement.textContent.trim()))
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'none', seen.at(-1))
  }
  assert.deepEqual(seen.slice(0, 7), ['Skip to content', 'Pharos', 'Overview', 'Explore', 'Alerts', 'Targets', 'Status'])
  await page.locator('.nav-link', { hasText: 'Alerts' }).focus()
  await page.keyboard.press('Enter')
  await waitFor('the alerts', async () => (await page.title()) === 'Alerts · Pharos')
})

test('a page that does not exist says so', async (page) => {
  await open(page, '#/nonsense')
  await page.getByText('There is no such page').waitFor()
})

test('a server that is away is reported, and found again', async (page) => {
  await page.route('**/api/v1/rules', (route) => route.abort())
  await open(page, '#/alerts')
  await page.locator('[role=alert]', { hasText: 'the server does not answer' }).waitFor()
  await page.unroute('**/api/v1/rules')
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.locator('.group, .state strong').first().waitFor()
  await waitFor('the error to go', async () => (await page.locator('.failed').count()) === 0)
}, { allow: [/Failed to load resource/] })

test('an answer that is no JSON is an error of the server', async (page) => {
  await page.route('**/api/v1/targets*', (route) => route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad</h1>' }))
  await open(page, '#/targets')
  await page.getByText('the server answered 502').waitFor()
}, { allow: [/Failed to load resource/] })

async function brightness(page) {
  const color = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
  const [r, g, b] = color.match(/\d+/g).map(Number)
  return r + g + b > 384 ? 'light' : 'dark'
}

// In the page: pairs of tokens whose contrast is below 4.5.
function lowContrast() {
  const probe = document.createElement('span')
  document.body.append(probe)
  const light = (token) => {
    probe.style.color = `var(--${token})`
    const [r, g, b] = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map((c) => {
      const v = Number(c) / 255
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const pairs = []
  for (const ground of ['ground', 'surface', 'raised', 'sunken', 'hover']) for (const text of ['text', 'text-2', 'text-3', 'accent']) pairs.push([text, ground])
  for (const tone of ['good', 'warn', 'bad', 'idle', 'accent']) pairs.push([tone, `${tone}-ground`], [tone, 'surface'])
  for (const code of ['keyword', 'function', 'string', 'number', 'label']) pairs.push([`code-${code}`, 'surface'])
  pairs.push(['on-accent', 'accent'])
  return pairs.filter(([a, b]) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p)
    return (x + 0.05) / (y + 0.05) < 4.5
  }).map((p) => p.join(' on '))
}
