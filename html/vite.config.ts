import { defineConfig } from 'vitest/config'

export default defineConfig({
  // the page works below any path: nothing in it is an absolute URL
  base: './',
  build: {
    target: 'es2021',
    outDir: 'dist',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    // a data: URL would need an exception in the Content-Security-Policy
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 800,
  },
  server: {
    // "npx vite" beside a running "make start"
    proxy: {
      '/api': 'http://127.0.0.1:9090',
      '/-': 'http://127.0.0.1:9090',
    },
  },
  test: {
    include: ['src/**/*.test.ts'],
  },
})
