/**
 * The contract between the server and its plugins: the one module of the control plane that plugins import. A plugin is
 * a name and a `setup`; what it sets up for one server block is a Stage. Stages that answer or change queries form the
 * block's chain, in the order of plugins/index.ts; what came back from `handle` is the only signal there is.
 */
import type { MessagePort } from 'node:worker_threads'
import type { Directive } from './corefile/directive.ts'
import type { HttpsLimits, TcpLimits, TlsPolicy } from './listen/listen.ts'
import type { Answer } from './wire/answer.ts'
import type { Name } from './wire/name.ts'
import type { Query } from './wire/query.ts'

export { type Argument, Directive, type Occurrence, type Property } from './corefile/directive.ts'
export { CorefileError, CorefileErrors } from './corefile/error.ts'
export { Answer } from './wire/answer.ts'
export { Query } from './wire/query.ts'
export { QUESTION, Section } from './wire/section.ts'

export interface Plugin {
  readonly name: string
  /**
   * Parses and checks all occurrences of the directive in one server block. May read local files that it names; opens no
   * socket, starts no timer.
   * @throws CorefileError or CorefileErrors, for all that is wrong.
   */
  setup(directive: Directive, site: Site): Stage
}

/** The rest of the chain. A stage calls it at most once per query. */
export type Next = (q: Query) => Answer | Promise<Answer>

/** A zone on its way out, message by message, while what is in it may change. */
export interface ZoneTransfer {
  /** All that is in the zone is known, as it is now: nothing else is sent away under a serial. */
  readonly isCurrent: boolean
  /** Its SOA record as the transfer began. What is sent under this serial is as it was then, or newer: never older. */
  readonly soa: Uint8Array
  readonly soaTtl: number
  /** Whatever takes long before the first record. */
  prepare(): Promise<void>
  /**
   * Adds records to the answer section, the SOA left out: as many as there are, or as fit into `octets` without compression.
   * They are valid until this turn of the loop ends. False: these were the last.
   */
  fill(a: Answer, octets: number): boolean
}

/** The value of one metadata label for a query that was answered; undefined where there is none. */
export type MetadataReader = (q: Query, a: Answer) => string | undefined

/** What a plugin does in one server block. All members are optional: a stage without `handle` is not in the chain. */
export interface Stage {
  /**
   * Returns an answer (`q.answer`, composed with reply.ts), or what `next(q)` returned, changed or not. Returns a promise
   * only if it must wait; until then it owns `q`. Writes to no socket. A throw or rejection becomes SERVFAIL and counts
   * as a panic. If it makes a promise that it does not return, it has the loop turn (turn.ts).
   */
  handle?(q: Query, next: Next): Answer | Promise<Answer>

  /**
   * Answers a question of class CH, which is about this server and goes to no other stage; `refuse(q)` for what it has no
   * answer to. Asked of one stage per block, the first that has it.
   */
  chaos?(q: Query, refuse: Next): Answer | Promise<Answer>

  /** After the reply was written: what was asked, what was answered, in how many octets. Must not change either. */
  observe?(q: Query, a: Answer, octets: number): void
  /** The same for queries that no block answered. Asked of one stage per listener, the first that has it. */
  observeDropped?(q: Query, a: Answer, octets: number): void

  /**
   * True if this stage answers `q` itself, from data that is current at any moment: `cache` then stands aside. Asked
   * before any hit and before anything is stored.
   */
  live?(q: Query): boolean
  /**
   * How to read the metadata label (`kubernetes/service`: the plugin's name, a slash, what it is called there), undefined if
   * it is none of this stage's. Asked once per label that somebody wants, from `link` on; a reader runs after the reply was
   * written, only for queries of which its value is wanted, and may make a string. `metadata` is who asks, in its zones.
   */
  metadata?(label: string): MetadataReader | undefined
  /**
   * The zone whose apex the question names, to be sent away; undefined if this stage is not authoritative for a zone of that
   * name. `transfer` is who asks.
   */
  transfer?(q: Query): ZoneTransfer | undefined
  /**
   * For `autopath`: what the client of `q` appends to names that it looks up, the first one first, if that is known and the
   * question ends in the first one. The same array for the same path.
   */
  readonly searchPath?: ((q: Query) => readonly Name[] | undefined) | undefined
  /**
   * There is one for the whole process, whatever `multisocket` says: only that of the main thread is started, told that it
   * serves or drains, and stopped. Those of other threads are in the chain, and observe.
   */
  readonly isOnce?: boolean
  /** Resolves names for others: all (true: in a block for the root, RA on all replies of its listeners) or some (on its block's). */
  readonly recursive?: boolean

  /** All stages of all blocks exist: find peers. */
  link?(): void
  /**
   * Opens sockets, starts watches. `previous` is the stage of the same plugin in the block with the same keys of the
   * configuration that is being replaced: warm state may be taken over, what is taken is not stopped with it.
   * A rejection fails the start, or keeps the old configuration.
   */
  start?(previous: Stage | undefined): Promise<void> | void
  /**
   * The same configuration starts in another thread (`multisocket`): what this stage's counterpart there is to share with
   * it. Asked once per thread, after `start`; whatever structured cloning takes, a SharedArrayBuffer being shared. `port`
   * leads to the counterpart, and is closed when either of them ends.
   */
  share?(port: MessagePort): unknown
  /**
   * Instead of `start`, in every thread but the main one: `shared` is what `share` of the counterpart in the main thread
   * returned. A stage without `join` is started in each thread.
   */
  join?(shared: unknown, port: MessagePort, previous: Stage | undefined): Promise<void> | void
  /** The configuration serves: sockets are open, the old one is on its way out. */
  serving?(): void
  /** Before lameduck begins, while queries still come in: `ready` says no, nothing is torn down. */
  draining?(): void
  /** No query will come any more. */
  stop?(): Promise<void> | void
  /** False while this stage would answer wrongly; the text says what it waits for. */
  ready?(): boolean
  /** How current that is which this stage answers from, on one line for operators; empty: nothing to tell. */
  condition?(): string
}

/**
 * How the listeners of a block are made and what their replies say; set by `bind`, `bufsize`, `nsid`, `timeouts`, `multisocket`,
 * `tls`, `https` while they set up.
 */
export interface ListenOptions {
  /** Addresses to bind, as text; empty: all of them. */
  addresses: string[]
  /** Most octets of a UDP reply. */
  udpBytes: number
  /** How many sockets each address has, and threads to read them; one unless it is set. */
  sockets?: number
  /** Of its `tls://` and `https://` keys: certificate and who may connect. */
  tls?: TlsPolicy
  /** Of its `https://` keys. */
  https?: HttpsLimits
  /** Times and numbers of its TCP connections, where they are not the defaults. */
  tcp?: Partial<TcpLimits>
  /** What the server is called, for those who ask (RFC 5001). */
  nsid?: Uint8Array
}

/** One server block while it is built, and what it shares with the others. */
export interface Site {
  /** The Corefile's path, `stdin` for standard input. */
  readonly file: string
  /** The folder that relative paths start from: the Corefile's, the working directory for standard input. */
  readonly folder: string
  /** The block's keys as text, and its zones as text (absolute, lower case) and as names. */
  readonly keys: readonly string[]
  readonly zoneTexts: readonly string[]
  readonly zones: readonly Name[]
  /** Metric labels of the block's listeners: `dns://:53`. One per address and port. */
  readonly servers: readonly string[]
  readonly port: number
  readonly listen: ListenOptions
  /** How many threads serve the block: each has its part of what is bounded as a whole. Known once `bind` has set up. */
  readonly threads: number
  readonly debug: { enabled: boolean }
  /** Metadata labels that the block's plugins will ask for: each adds its own while it sets up. */
  readonly wantedMetadata: Set<string>
  /** Names of the plugins in this block, in chain order. Complete from `link` on. */
  readonly plugins: readonly string[]
  /** Stages of this block and plugin; of all blocks with `everywhere`. For `link` and later. */
  peers(plugin: string, everywhere?: boolean): readonly Stage[]
  /** Stages of this block that come after `stage` in the chain. For `link` and later. */
  after(stage: Stage): readonly Stage[]
  /**
   * Asks this server, from routing on, as if the client of `q` had asked: class IN, `name`, `type`. Answers are whole.
   * The result is valid until the answer to `q` is reset. SERVFAIL beyond ten look-ups within each other.
   */
  lookup(q: Query, name: Name, type: number): Answer | Promise<Answer>
  /** Where control-plane events of the whole server meet: reload and the exit are asked for here. */
  readonly control: Control
}

export interface Control {
  /** Rebuilds from the Corefile. Resolves to true if the new configuration serves. */
  reload(reason: string): Promise<boolean>
  /** The Corefile as it runs: path, the files read with it, and the fingerprint of what they say. */
  readonly configuration: { readonly file: string; readonly files: readonly string[]; readonly fingerprint: string }
  /** Reads and parses the Corefile again, for its fingerprint. @throws CorefileErrors */
  fingerprint(): Promise<string>
  /** How long SIGTERM goes on serving, in milliseconds: the longest that a stage asked for. */
  lameduckMs: number
  /** All stages that run, of all blocks. */
  stages(): readonly { readonly plugin: string; readonly site: Site; readonly stage: Stage }[]
}
