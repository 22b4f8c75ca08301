/**
 * What can go wrong between us and the API server, as one error that says which resource it was about. Texts are for
 * operators; decisions are made from `status` and `reason`.
 */

/** The part of a Kubernetes Status that decides anything. */
export interface Status {
  readonly code?: number
  readonly reason?: string
  readonly message?: string
  readonly details?: { readonly retryAfterSeconds?: number; readonly causes?: readonly { readonly reason?: string }[] }
}

export interface ApiErrorDetails {
  /** The HTTP status, or the code of a Status; 0 if there was no answer. */
  readonly status: number
  readonly reason?: string
  readonly retryAfterMs?: number
  /** It came as an event of a watch that was going well. */
  readonly inStream?: boolean
  readonly cause?: unknown
}

/** The reason we give if the connection stands but nothing comes. */
export const STALLED = 'Stalled'
/** The reason we give if a connection ends in the middle of an answer. */
export const BROKEN = 'Broken'

export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly reason: string
  /** 0 if the API server did not say. */
  readonly retryAfterMs: number
  readonly inStream: boolean

  constructor(text: string, { status, reason = '', retryAfterMs = 0, inStream = false, cause }: ApiErrorDetails) {
    super(text, cause === undefined ? undefined : { cause })
    this.status = status
    this.reason = reason
    this.retryAfterMs = retryAfterMs
    this.inStream = inStream
  }

  /** The version asked for is compacted, or is not of this etcd: only a new list helps. */
  get isGone(): boolean {
    return this.status === 410 || this.reason === 'Expired' || this.reason === 'Gone' || this.reason === TOO_LARGE
  }

  get isDenied(): boolean {
    return this.status === 401 || this.status === 403
  }
}

/** Obeyed to the letter up to this; client-go has no limit. */
export const MAX_RETRY_AFTER_MS = 3_600_000

const TOO_LARGE = 'ResourceVersionTooLarge'

/** The error that a Status stands for, of an HTTP answer or of an ERROR event. */
export function errorOfStatus(httpStatus: number, status: Status, retryAfterMs = 0): ApiError {
  const code = httpStatus === 200 ? (status.code ?? httpStatus) : httpStatus
  const tooLarge = status.details?.causes?.some(cause => cause.reason === TOO_LARGE)
  const reason = tooLarge ? TOO_LARGE : (status.reason ?? '')
  const text = status.message || status.reason || `status ${code}`
  const detailMs = Math.min((status.details?.retryAfterSeconds ?? 0) * 1000, MAX_RETRY_AFTER_MS)
  return new ApiError(`the API server answered ${code}: ${text}`, {
    status: code,
    reason,
    inStream: httpStatus === 200,
    retryAfterMs: Math.max(retryAfterMs, tooLarge ? 0 : detailMs),
  })
}

/** The text of an error and of what caused it, on one line. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own = error.message || ('code' in error ? String(error.code) : error.name)
  if (error.cause === undefined) return own
  const cause = textOf(error.cause)
  return own.includes(cause) ? own : `${own}: ${cause}`
}
