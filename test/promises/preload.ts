/** Code that runs in the server's process before the server does: what a test cannot do to it from outside. */
export function preload(code: string): { readonly NODE_OPTIONS: string } {
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(code)}` }
}
