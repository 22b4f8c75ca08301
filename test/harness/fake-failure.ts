/** What an API server answers instead of what was asked for: a status, and a Status that says the same. */
import type { ServerResponse } from 'node:http'

export interface FakeFailure {
  readonly status: number
  readonly reason?: string
  readonly message?: string
  /** The header `Retry-After`, and the clock of who sends it. */
  readonly retryAfter?: string
  readonly date?: string
  /** The same in the Status. */
  readonly retryAfterSeconds?: number
}

export function fail(response: ServerResponse, failure: FakeFailure): void {
  const { status, reason, message, retryAfter, date, retryAfterSeconds } = failure
  const headers = {
    'content-type': 'application/json',
    ...(retryAfter !== undefined && { 'retry-after': retryAfter }),
    ...(date !== undefined && { date }),
  }
  response.writeHead(status, headers)
  response.end(
    JSON.stringify({
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      code: status,
      reason,
      message,
      details: { retryAfterSeconds },
    }),
  )
}
