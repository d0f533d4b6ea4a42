// What completion asks the server for: names, labels, values, metadata, all
// below the folder that the page came from.

export interface Remote {
  url: string
  httpMethod: 'GET'
  // a completion that fails is no completion, and no news
  httpErrorHandler: (error: unknown) => void
}

export function completionRemote(base: string): Remote {
  return {
    url: new URL('.', base).toString().replace(/\/$/, ''),
    httpMethod: 'GET',
    httpErrorHandler: () => undefined,
  }
}
