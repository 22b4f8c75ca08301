/**
 * Who we are to the API server, and whom we trust: address, TLS material and authorization, whatever they come from.
 * Files among them are read again as they rotate.
 */
import { readFile } from 'node:fs/promises'
import { warn } from '../../../server/log.ts'
import { textOf } from '../informer/api-error.ts'
import type { Clock } from '../informer/clock.ts'

export interface TlsMaterial {
  readonly ca?: Buffer | string
  readonly cert?: Buffer | string
  readonly key?: Buffer | string
  readonly servername?: string
  readonly rejectUnauthorized?: boolean
}

export type RequestHeaders = Readonly<Record<string, string | readonly string[]>>

export interface Credentials {
  /** `http:` or `https:`, with the path that all others start with. */
  readonly server: URL
  /** The proxy to go through; undefined: as the environment says. */
  readonly proxy?: string | undefined
  tls(): Promise<TlsMaterial>
  /** What is sent with each request: Authorization, unless certificates are all there is. */
  headers(): Promise<RequestHeaders>
  /** The API server did not accept us, or we did not accept it: what is remembered is to be read anew. */
  refused(): void
  /** Ends what keeps credentials fresh. */
  close?(): void
}

/** Kubelet writes a new token an hour before the old one ends, client-go reads it every minute. */
const FRESH_MS = 60_000
/** A refused token is not read more often than this. */
const REFUSED_FRESH_MS = 1_000

/** A file that somebody else replaces now and then. */
export class RotatingFile {
  readonly #path: string
  readonly #clock: Clock
  #content: Buffer | undefined
  #readAtMs = 0
  #refused = false
  #warned = false

  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
  }

  /**
   * What the file says, not older than a minute. What it said before if it cannot be read now.
   * @throws if it never could be read
   */
  async read(): Promise<Buffer> {
    const ageMs = this.#clock.nowMs() - this.#readAtMs
    if (this.#content !== undefined && ageMs < (this.#refused ? REFUSED_FRESH_MS : FRESH_MS)) return this.#content
    try {
      this.#content = await readFile(this.#path)
      this.#readAtMs = this.#clock.nowMs()
      this.#refused = false
      this.#warned = false
    } catch (error) {
      if (this.#content === undefined) throw error
      if (!this.#warned)
        warn('kubernetes', `cannot read ${this.#path} again, going on with what it said: ${textOf(error)}`)
      this.#warned = true
    }
    return this.#content
  }

  refused(): void {
    this.#refused = true
  }
}

/**
 * Reads files at start, so that a missing one is an error with a clear text.
 * @throws Error naming the file and what it was wanted for
 */
export async function firstRead(file: RotatingFile | undefined, wanted: string, path: string): Promise<void> {
  try {
    await file?.read()
  } catch (cause) {
    throw new Error(`cannot read ${wanted} "${path}"`, { cause })
  }
}

export function bearer(token: Buffer | string): RequestHeaders {
  return { authorization: `Bearer ${token.toString().trim()}` }
}
