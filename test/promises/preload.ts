/** Code for `preload`: SIGUSR2 ends the thread that was started last. */
export const SIGUSR2_ENDS_A_THREAD = `import threads from 'node:worker_threads'
  const { Worker } = threads
  let last
  threads.Worker = class extends Worker {
    constructor(...args) {
      super(...args)
      last = this
    }
  }
  if (threads.isMainThread) process.on('SIGUSR2', () => last.terminate())
`

/** Code that runs in the server's process before the server does: what a test cannot do to it from outside. */
export function preload(code: string): { readonly NODE_OPTIONS: string } {
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(code)}` }
}
