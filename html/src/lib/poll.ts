// Runs a task now and again.  A hidden page asks nothing; one that is shown
// again asks at once.

export interface Poll {
  // sooner than planned: something changed
  now(): void
}

export function poll(task: (signal: AbortSignal) => Promise<void>, interval: number, signal: AbortSignal): Poll {
  let timer: number | undefined
  let running: AbortController | undefined

  const run = async (): Promise<void> => {
    window.clearTimeout(timer)
    running?.abort()
    const own = new AbortController()
    running = own
    await task(AbortSignal.any([own.signal, signal]))
    if (running === own && interval > 0 && !signal.aborted && !document.hidden) {
      timer = window.setTimeout(start, interval)
    }
  }
  const start = (): void => { void run() }

  document.addEventListener('visibilitychange', () => {
    window.clearTimeout(timer)
    if (!document.hidden && interval > 0) start()
  }, { signal })
  signal.addEventListener('abort', () => {
    window.clearTimeout(timer)
    running?.abort()
  })
  start()
  return { now: start }
}
