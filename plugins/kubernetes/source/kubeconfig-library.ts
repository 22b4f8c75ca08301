/**
 * Credentials that only the client library can make: exec programs, OIDC and cloud logins. The library costs 80 MB, so it
 * runs in a child process that prints what it got and ends; a fresh child replaces them before they grow old, or when the
 * API server refuses them.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { warn } from '../../../server/log.ts'
import { textOf } from '../informer/api-error.ts'
import type { Clock } from '../informer/clock.ts'
import type { RequestHeaders, TlsMaterial } from './credentials.ts'
import { LOGIN_SCRIPT } from './kubeconfig-login.ts'

/** Cloud tokens live for 15 minutes or more. Those that end sooner are refused, which asks for new ones too. */
const FRESH_MS = 600_000
const REFUSED_FRESH_MS = 5_000
const CHILD_MS = 60_000
const MAX_OUTPUT_BYTES = 1 << 20

export interface Identity {
  tls(): Promise<TlsMaterial>
  headers(): Promise<RequestHeaders>
  refused(): void
}

interface Made {
  readonly cert?: string
  readonly key?: string
  readonly authorization?: string
  /** For the next login. */
  readonly leaves?: unknown
}

/** @throws Error if the library is not installed, or could not log in */
export async function libraryIdentity(place: { file: string; context: string }, clock: Clock): Promise<Identity> {
  const made = new LibraryIdentity(place, clock)
  await made.headers()
  return made
}

class LibraryIdentity implements Identity {
  readonly #place: { readonly file: string; readonly context: string }
  readonly #clock: Clock
  #made: Made | undefined
  #madeAtMs = 0
  #refused = false
  #making: Promise<Made> | undefined

  constructor(place: { file: string; context: string }, clock: Clock) {
    this.#place = place
    this.#clock = clock
  }

  async tls(): Promise<TlsMaterial> {
    const { cert, key } = await this.#current()
    return { ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) }
  }

  async headers(): Promise<RequestHeaders> {
    const { authorization } = await this.#current()
    return authorization === undefined ? {} : { authorization }
  }

  refused(): void {
    this.#refused = true
  }

  async #current(): Promise<Made> {
    const ageMs = this.#clock.nowMs() - this.#madeAtMs
    if (this.#made && ageMs < (this.#refused ? REFUSED_FRESH_MS : FRESH_MS)) return this.#made
    this.#making ??= logIn(this.#place, this.#made?.leaves).finally(() => {
      this.#making = undefined
      this.#madeAtMs = this.#clock.nowMs()
      this.#refused = false
    })
    try {
      this.#made = await this.#making
    } catch (error) {
      if (!this.#made) throw error
      warn('kubernetes', `cannot renew the credentials, going on with those there are: ${textOf(error)}`)
    }
    return this.#made
  }
}

/** @param left what the last login left */
async function logIn({ file, context }: { file: string; context: string }, left: unknown = null): Promise<Made> {
  let library: string
  try {
    library = import.meta.resolve('@kubernetes/client-node')
  } catch (cause) {
    throw new Error(`kubeconfig "${file}" needs the package "@kubernetes/client-node", which is not installed`, {
      cause,
    })
  }
  const args = ['--input-type=module', '--eval', LOGIN_SCRIPT, '--', library, file, context]
  try {
    const env = { ...process.env, NODE_USE_ENV_PROXY: '1' }
    const running = promisify(execFile)(process.execPath, args, { env, timeout: CHILD_MS, maxBuffer: MAX_OUTPUT_BYTES })
    running.child.stdin!.on('error', () => {}) // it ended before it read: how it ended tells why
    running.child.stdin!.end(JSON.stringify(left))
    const { stdout } = await running
    return JSON.parse(stdout.trimEnd().split('\n').at(-1)!)
  } catch (cause) {
    throw new Error(`cannot log in as context "${context}" of kubeconfig "${file}" says`, { cause: lastWords(cause) })
  }
}

/** A failed child's error carries its whole command line: what it printed last says more. */
function lastWords(error: unknown): unknown {
  if (!(error instanceof Error) || !('stderr' in error)) return error
  const lines = String(error.stderr)
    .split('\n')
    .filter(line => /\berror\b/i.test(line))
  return lines.length > 0 ? new Error(lines[0]!.trim().replace(/^Error: /, '')) : error
}
