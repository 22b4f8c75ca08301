/**
 * What the main thread and another one say to each other. Requests are answered in their order, but for `count` and
 * `drain`, which wait for none.
 */
import type { MessagePort } from 'node:worker_threads'
import type { LogFormat } from '../../log.ts'
import type { Registration, ThreadCells } from '../../metrics.ts'
import type { Configuration } from '../configuration.ts'

/** What a thread is given to begin with (its workerData). */
export interface ThreadStart {
  /** 1 and up; the main thread is 0. */
  readonly thread: number
  /** Port of `dns://` keys that name none. */
  readonly port: number
  readonly logFormat: LogFormat
  readonly metrics: ThreadCells
  /** Where it notes its sockets: see listen/descriptors.ts. */
  readonly descriptors: SharedArrayBuffer
  /** One word of 32 bits: characters of log lines that were handed over and are not written yet. */
  readonly unwritten: SharedArrayBuffer
  /** What server cookies are made with: a client may come to any thread. */
  readonly cookieRoot: Uint8Array
}

/** What a stage has for its counterpart in one other thread. */
export interface Share {
  /** Which of all stages of the configuration, in the order of starting. */
  readonly stage: number
  readonly value: unknown
  readonly port: MessagePort
}

/** Sockets of one address that a thread is to read from. */
export interface ThreadPlace {
  /** As `planKey` has it. */
  readonly key: string
  readonly address: string
  readonly port: number
  readonly ipv6Only: boolean
  readonly sockets: number
  /** The UDP socket, which the main thread has bound; undefined where the thread opens one itself. */
  readonly fd: number | undefined
}

export type Request =
  /** Builds and starts a configuration beside the one that serves. */
  | {
      readonly kind: 'prepare'
      readonly configuration: Pick<Configuration, 'origin' | 'text' | 'texts'>
      readonly shares: readonly Share[]
    }
  /** Opens the sockets of what was prepared. Reads nothing. */
  | { readonly kind: 'bind'; readonly places: readonly ThreadPlace[] }
  /** What was prepared serves. */
  | { readonly kind: 'serve' }
  /** What was prepared is let go. */
  | { readonly kind: 'discard' }
  /** What served before is let go, once its queries are answered. */
  | { readonly kind: 'end' }
  /** Lameduck begins. */
  | { readonly kind: 'drain' }
  /** Takes nothing new from its sockets. */
  | { readonly kind: 'handOver' }
  /** How many messages were read so far, as a number. */
  | { readonly kind: 'count' }
  /** Answers what is in flight, and ends. */
  | { readonly kind: 'leave' }

export interface Asked {
  readonly id: number
  readonly request: Request
}

export type Told =
  /** The code has been loaded: requests are taken. */
  | { readonly kind: 'here' }
  | { readonly kind: 'done'; readonly id: number; readonly value?: number }
  /** A request that failed: the message of the error. */
  | { readonly kind: 'failed'; readonly id: number; readonly text: string }
  /** Log lines, each with its newline. */
  | { readonly kind: 'lines'; readonly lines: string }
  /** Counters that were registered, or gauges that were taken out. */
  | { readonly kind: 'registered'; readonly made: Registration; readonly isGone: boolean }
