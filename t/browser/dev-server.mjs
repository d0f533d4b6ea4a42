#!/usr/bin/env node
// Serves html/dist as the module does, with its headers, and hands the API
// on to a Prometheus: to work on the page, and to test it, without nginx.
//
//   API=http://127.0.0.1:9090 PORT=9091 PREFIX=/ node dev-server.mjs
//
// GET /metrics gives numbers as nginx with the module has them, so that the
// Prometheus can scrape this server and the overview has something to draw.

import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { dirname, extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const dist = process.env.DIST ?? join(here, '../../html/dist')
const api = new URL(process.env.API ?? 'http://127.0.0.1:9090')
const prefix = process.env.PREFIX ?? '/'

const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

const started = Date.now() / 1000

// Counters that grow by a rate which goes up and down.
function counter(perSecond) {
  const t = Date.now() / 1000 - started
  return Math.floor(perSecond * (t + 20 * (1 - Math.cos(t / 40))))
}

function metrics() {
  const lines = []
  const codes = { 200: 42, 204: 3, 301: 2, 304: 6, 404: 1.5, 500: 0.1, 502: 0.3 }
  for (const [code, rate] of Object.entries(codes)) {
    lines.push(`nginx_http_requests_total{server="example.org",code="${code}"} ${counter(rate)}`)
  }
  lines.push(`nginx_http_received_bytes_total{server="example.org"} ${counter(21000)}`)
  lines.push(`nginx_http_sent_bytes_total{server="example.org"} ${counter(910000)}`)
  const wave = Math.sin(Date.now() / 30000)
  const gauges = { active: 30 + 9 * wave, reading: 1, writing: 6 + 2 * wave, waiting: 23 + 7 * wave }
  for (const [name, v] of Object.entries(gauges)) lines.push(`nginx_connections_${name} ${Math.round(v)}`)
  lines.push(`nginx_connections_accepted_total ${counter(9)}`, `nginx_connections_handled_total ${counter(9)}`)
  const total = counter(55)
  const shares = { 0.005: 0.4, 0.01: 0.62, 0.025: 0.8, 0.05: 0.9, 0.1: 0.95, 0.25: 0.98, 0.5: 0.995, 1: 1, '+Inf': 1 }
  for (const [le, share] of Object.entries(shares)) {
    lines.push(`nginx_http_request_duration_seconds_bucket{server="example.org",le="${le}"} ${Math.floor(total * share)}`)
  }
  lines.push(`nginx_http_request_duration_seconds_sum{server="example.org"} ${(total * 0.021).toFixed(3)}`)
  lines.push(`nginx_http_request_duration_seconds_count{server="example.org"} ${total}`)
  return lines.join('\n') + '\n'
}

function serveFile(res, path) {
  const name = path === '/' ? '/index.html' : path
  const file = join(dist, normalize(name))
  if (!file.startsWith(dist) || !existsSync(file) || !statSync(file).isFile()) {
    res.writeHead(404, { 'Content-Type': 'text/plain' }).end('no such page\n')
    return
  }
  res.writeHead(200, {
    'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
    'Content-Security-Policy': CSP,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'same-origin',
    'Cache-Control': 'no-cache',
  })
  createReadStream(file).pipe(res)
}

function handOn(req, res, path) {
  const headers = { ...req.headers, host: api.host }
  delete headers['accept-encoding']
  const out = request(new URL(path, api), { method: req.method, headers }, (answer) => {
    if (!path.startsWith('/api/v1/status/tsdb')) {
      res.writeHead(answer.statusCode, answer.headers)
      answer.pipe(res)
      return
    }
    let text = ''
    answer.on('data', (part) => (text += part))
    answer.on('end', () => withStore(res, answer, text))
  })
  out.on('error', (e) => res.writeHead(502, { 'Content-Type': 'text/plain' }).end(String(e)))
  res.on('close', () => out.destroy())
  req.pipe(out)
}

// What a store on one file says beside the fields of Prometheus.
function withStore(res, answer, text) {
  const body = JSON.parse(text)
  if (body.data) {
    body.data.storeStats = {
      fileBytes: 268435456, usedBytes: 104857600 + counter(3000), mapBytes: 68719476736, rows: 4120,
      packs: counter(3) + 5000, samplesAppended: counter(1700), samplesRefused: 3, commits: counter(1.2),
    }
  }
  res.writeHead(answer.statusCode, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}

createServer((req, res) => {
  if (req.url.startsWith('/metrics')) {
    res.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4' }).end(metrics())
    return
  }
  const path = '/' + req.url.slice(prefix.length)
  if (!req.url.startsWith(prefix)) res.writeHead(404).end()
  else if (/^\/(api|-)\//.test(path)) handOn(req, res, path)
  else serveFile(res, path.split('?')[0])
}).listen(Number(process.env.PORT ?? 9091), '127.0.0.1')
