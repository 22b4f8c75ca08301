/** The response to one DNS query over HTTP while it comes in: what is checked before it is read as a message. */
import { takeAge } from '../message/age.ts'

export const MEDIA_TYPE = 'application/dns-message' // RFC 8484 §6
const MAX_BODY_BYTES = 65_535 // RFC 8484 §6
const MAX_AGE_S = 2 ** 31 - 1

export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** What a request tells: at most one `head`, then `data`, then either `end` or `failed`. */
export interface ResponseEvents {
  head(status: number | undefined, headers: Headers): void
  data(chunk: Uint8Array): void
  /** All is there. */
  end(): void
  /** `retry`: nothing came yet, another connection may do better. */
  failed(cause: Error, retry: boolean): void
}

export class HttpsReply {
  readonly #parts: Uint8Array[] = []
  #octets = 0
  #announced: number | undefined
  #ageS = 0

  /** What is wrong with status and headers. Nothing is followed, and nothing tried again with other headers. */
  head(status: number | undefined, headers: Headers): Error | undefined {
    if (status !== 200) return new Error(`HTTP status ${status}, expected 200`)
    const type = String(headers['content-type'] ?? '')
    if (type.split(';')[0]!.trim().toLowerCase() !== MEDIA_TYPE) {
      return new Error(`content type "${type}", expected ${MEDIA_TYPE}`)
    }
    this.#announced = numberOf(headers['content-length'])
    this.#ageS = Math.min(numberOf(headers.age) ?? 0, MAX_AGE_S)
    return tooLong(this.#announced ?? 0)
  }

  data(chunk: Uint8Array): Error | undefined {
    this.#octets += chunk.length
    const wrong = tooLong(this.#octets)
    if (wrong === undefined) this.#parts.push(chunk)
    return wrong
  }

  /** The message, its TTLs less by what it has spent in caches of HTTP. */
  message(): Uint8Array | Error {
    if (this.#announced !== undefined && this.#announced !== this.#octets) {
      return new Error(`body of ${this.#octets} octets, expected ${this.#announced}`)
    }
    const message = Buffer.concat(this.#parts)
    if (this.#ageS > 0) takeAge(message, this.#ageS)
    return message
  }
}

function tooLong(octets: number): Error | undefined {
  if (octets <= MAX_BODY_BYTES) return undefined
  return new Error(`body of ${octets} octets or more, expected at most ${MAX_BODY_BYTES}`)
}

function numberOf(header: string | readonly string[] | undefined): number | undefined {
  return typeof header === 'string' && /^[0-9]{1,15}$/.test(header) ? Number(header) : undefined
}
