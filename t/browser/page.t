#!/usr/bin/env node
// Runs the browser tests against PHAROS_URL; see lib.mjs.  A word as argument
// runs the tests whose names have it.

if (!process.env.PHAROS_URL) {
  console.log('1..0 # SKIP PHAROS_URL does not say where the page is')
  process.exit(0)
}

const files = ['frame', 'overview', 'explore', 'graph', 'lists']

async function main() {
  for (const file of files) await import(`./${file}.test.mjs`)
  const { runAll } = await import('./lib.mjs')
  process.exitCode = (await runAll()) > 0 ? 1 : 0
}

main().catch((error) => {
  console.log(`Bail out! ${error.stack}`)
  process.exitCode = 1
})
