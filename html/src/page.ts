// What a page is to the frame around it.

export interface Page {
  readonly el: HTMLElement
  // the address changed, but it is still this page
  update(params: URLSearchParams): void
}

export interface PageContext {
  params: URLSearchParams
  // aborted when the page is left: requests, timers and listeners end with it
  signal: AbortSignal
  // writes the state into the address; replaces where no step back is wanted
  go(params: Record<string, string | string[] | undefined>, replace?: boolean): void
}

export type PageMaker = (context: PageContext) => Page
