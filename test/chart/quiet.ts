/** What of the dashboard has no data, and why: reasons by expression (`ROW / PANEL / LEGEND`), or by row, by job. */

type Reasons = Readonly<Record<string, Readonly<Record<string, string>>>>

const ONE_THREAD = 'the server has one thread'

/** Of a healthy server. In trouble they have data. */
export const QUIET: Reasons = {
  sextant: {
    'Kubernetes / Time of those / p99 {{verb}}': 'the API server is asked for nothing once all is watched',
    'Sextant alone / Answers from a snapshot / in use: {{instance}}': 'no snapshot is kept',
    'Sextant alone / Loops and threads / loops since the start: {{to}}': 'no loop was found',
    'Sextant alone / Loops and threads / threads that died': ONE_THREAD,
    'Sextant alone / Loops and threads / threads: {{instance}}': ONE_THREAD,
  },
  coredns: {
    'Forward / Trouble / check failed: {{to}}': 'no check of an upstream has failed',
  },
}

/** Never. */
export const NEVER: Reasons = {
  sextant: {},
  coredns: {
    'Kubernetes / Time of those / p99 {{verb}}': 'streaming lists are watches, whose time its client does not measure',
    'Sextant alone': 'CoreDNS has none of it',
  },
}
