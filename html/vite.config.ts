import { defineConfig } from 'vitest/config'

// Runs before the first paint, which a module does not: the theme must not
// flash.  It stays a file, since the Content-Security-Policy forbids inline
// scripts.
const themeFirst = {
  name: 'theme-first',
  transformIndexHtml: () => [{ tag: 'script', attrs: { src: './theme.js' }, injectTo: 'head-prepend' as const }],
}

export default defineConfig({
  plugins: [themeFirst],
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
