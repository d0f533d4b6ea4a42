// The harness of the browser tests: TAP, one browser, a fresh context for
// each test.  After each test the page must have logged no error, broken no
// rule of the Content-Security-Policy and asked no other host.
//
//   PHAROS_URL       the page, for example https://127.0.0.1:8443/
//   PHAROS_USER, PHAROS_PASSWORD   where it asks for them
//   CHROMIUM         the browser, /usr/bin/chromium

import { createRequire } from 'node:module'

const require = createRequire(new URL('../../html/package.json', import.meta.url))
const { chromium } = require('playwright-core')

// A certificate that nobody signed is let pass here and not by
// ignoreHTTPSErrors alone: there each connection fails first and is tried
// again, and the browser gives up a request after 32 times.
const ARGS = [
  '--headless', '--ignore-certificate-errors', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
]

export const base = new URL('.', process.env.PHAROS_URL ?? 'http://127.0.0.1:9090/').toString()

const user = process.env.PHAROS_USER
const credentials = user ? { username: user, password: process.env.PHAROS_PASSWORD ?? '' } : undefined

const tests = []

export function test(name, fn, options = {}) {
  tests.push({ name, fn, options })
}

const VIEWS = {
  desktop: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
}

// allow: patterns of console errors that the test provokes
async function runOne(browser, { fn, options }) {
  const context = await browser.newContext({
    ...VIEWS[options.view ?? 'desktop'],
    colorScheme: options.scheme ?? 'light',
    ignoreHTTPSErrors: true,
    ...(credentials && { httpCredentials: credentials }),
  })
  const page = await context.newPage()
  page.setDefaultTimeout(15000)
  const wrong = []
  // that is about looking at pixels, as these tests do
  const allow = [...(options.allow ?? []), /willReadFrequently/]
  page.on('console', (m) => {
    const text = m.text()
    if ((m.type() === 'error' || m.type() === 'warning') && !allow.some((a) => a.test(text))) wrong.push(`console: ${text}`)
  })
  page.on('pageerror', (e) => wrong.push(`exception: ${e.message}`))
  page.on('request', (r) => {
    const url = r.url()
    if (!url.startsWith(base) && !url.startsWith('data:')) wrong.push(`request outside of the page's folder: ${url}`)
  })
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => console.error(`CSP violation: ${e.violatedDirective} ${e.blockedURI}`))
  })
  try {
    await fn(page, context)
    if (wrong.length > 0) throw new Error(wrong.join('\n'))
  } finally {
    await context.close()
  }
}

export async function runAll() {
  const only = process.argv[2]
  const chosen = tests.filter((t) => !only || t.name.includes(only))
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGS })
  let failed = 0
  console.log(`1..${chosen.length}`)
  for (const [i, t] of chosen.entries()) {
    try {
      await runOne(browser, t)
      console.log(`ok ${i + 1} - ${t.name}`)
    } catch (error) {
      failed++
      console.log(`not ok ${i + 1} - ${t.name}`)
      // to where a harness shows it
      console.error(String(error.stack ?? error).replace(/^/gm, '# '))
    }
  }
  await browser.close()
  return failed
}

export async function open(page, hash) {
  await page.goto(base + hash)
}

const authorization = credentials && 'Basic ' + Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')

// The API as the page sees it, through the same door.
export async function api(page, path, params = {}) {
  const url = new URL(path, base)
  for (const [k, v] of Object.entries(params)) url.searchParams.set(k, v)
  const answer = await page.request.get(url.toString(), authorization ? { headers: { authorization } } : {})
  const body = await answer.json()
  if (body.status !== 'success') throw new Error(`${path}: ${JSON.stringify(body)}`)
  return body.data
}

// How many pixels of a canvas have the colour, or come near to it.
export function pixels(canvas, color, near = 24) {
  return canvas.evaluate((el, [token, distance]) => {
    const probe = document.createElement('span')
    probe.style.color = token
    document.body.append(probe)
    const want = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number)
    probe.remove()
    const { data } = el.getContext('2d').getImageData(0, 0, el.width, el.height)
    let n = 0
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] < 128) continue
      if (want.every((c, k) => Math.abs(c - data[i + k]) <= distance)) n++
    }
    return n
  }, [color, near])
}

// What the page shows and what the server says, both asked anew till they
// agree: between one and the other a scrape may end, or an alert begin.
export async function eventually(check, ms = 15000) {
  const end = Date.now() + ms
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (Date.now() > end) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export async function waitFor(what, check, ms = 15000) {
  const end = Date.now() + ms
  for (;;) {
    if (await check()) return
    if (Date.now() > end) throw new Error(`timed out waiting for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
