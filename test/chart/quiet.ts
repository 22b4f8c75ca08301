/** What of the dashboard has no data, and why: of a server that has had no trouble, and of one that had all of it. */

const NEVER_ASKED = 'the API server was asked for nothing but what the watches began with'
const ONE_THREAD = 'the server has one thread'
const NO_LOOP = 'no loop was found'

/** Reasons by expression (`ROW / PANEL / LEGEND`), or by row, by job. */
export const QUIET: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  sextant: {
    'Kubernetes / Time of those / p99 {{verb}}': NEVER_ASKED,
    'Sextant alone / Answers from a snapshot / in use: {{instance}}': 'no snapshot is kept',
    'Sextant alone / Loops and threads / loops since the start: {{to}}': NO_LOOP,
    'Sextant alone / Loops and threads / threads that died': ONE_THREAD,
    'Sextant alone / Loops and threads / threads: {{instance}}': ONE_THREAD,
  },
  coredns: {
    'Forward / Trouble / check failed: {{to}}': 'no check of an upstream has failed',
    'Kubernetes / Time of those / p99 {{verb}}': NEVER_ASKED,
    'Sextant alone': 'CoreDNS has none of it',
  },
}
