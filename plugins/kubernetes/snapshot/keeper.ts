/**
 * One snapshot file while it is in use: restored once at the start, then written anew after changes, at a bounded rate,
 * and a last time at the end. Nothing that happens to the file is felt by queries; what operators should know is told
 * once per change.
 *
 *   restore ─→ all objects known ─→ changed? written ─→ 30 s, or longer for a large file ─→ changed? …
 */
import * as serverLog from '../../../server/log.ts'
import { workSlices } from '../../../server/work-slices.ts'
import { textOf } from '../informer/api-error.ts'
import type { Clock } from '../informer/clock.ts'
import type { SourceLog } from '../source/api-reporter.ts'
import { removeLeftovers } from './atomic-file.ts'
import { type Picture, Unusable } from './header.ts'
import { count, observe, writeFailures, writes } from './metrics.ts'
import { checkSnapshot, type Restored, readSnapshot } from './read.ts'
import { changesOf, isSynced, type Section } from './section.ts'
import { writeSnapshot } from './write.ts'

/** Pause after a write: a cluster that changes all the time costs the disk a bounded amount. */
export const PAUSE_MS = 30_000
/** On average over time, for files that are larger than 30 s of this. */
export const BYTES_PER_S = 1 << 16
/** Without a change too, so that the age of a file says how long nobody was there to write it. */
const REFRESH_MS = 86_400_000
/** A disk that does not answer delays neither the start nor the end for longer. */
const READ_MS = 5_000
const LAST_WRITE_MS = 2_000

const NAME = 'kubernetes'

export interface KeeperOptions {
  readonly file: string
  readonly sections: readonly Section[]
  /** Of what a snapshot is to be taken, as things stand now. */
  readonly picture: () => Promise<Picture>
  readonly clock: Clock
  readonly log?: SourceLog
}

/** What is known to stand in the file. */
interface OnDisk {
  readonly takenAtMs: number
  readonly sections: readonly string[]
  /** `changesOf` when it was taken; undefined if another process took it. */
  readonly changes: number | undefined
}

/** By path: who uses the file. The one that came last writes it, so that an old configuration does not on its way out. */
const users = new Map<string, Keeper[]>()

export class Keeper {
  readonly file: string
  readonly #options: KeeperOptions
  readonly #log: SourceLog
  readonly #writes: number
  readonly #failures: number
  readonly #abort = new AbortController()
  readonly #unobserve: () => void
  #onDisk: OnDisk | undefined
  /** What stands there is not ours: it is left alone. */
  #isForbidden = false
  /** Nobody has seen what stands there: it was not read in time. */
  #isUnseen = false
  #notBeforeMs = 0
  /** From then on a part is better than nothing: a kind may never be permitted. */
  #partFromMs = 0
  #isFailing = false
  #stopped = false
  #writing: Promise<void> | undefined
  #cancelTimer = () => {}
  /** What was restored; undefined if nothing was. */
  restored: Restored | undefined

  constructor(options: KeeperOptions) {
    const { file } = options
    this.file = file
    this.#options = options
    this.#log = options.log ?? serverLog
    this.#writes = writes(file)
    this.#failures = writeFailures(file)
    this.#unobserve = observe(this)
    users.set(file, [...(users.get(file) ?? []), this])
  }

  /** Age of what stands in the file. */
  get ageS(): number | undefined {
    return this.#onDisk && ageS(this.#onDisk.takenAtMs)
  }

  get isInUse(): boolean {
    return this.restored !== undefined && this.#options.sections.some(({ index }) => index.staleKinds !== 0)
  }

  /** Puts what the file says into the index, where that does not know better. Never fails, takes no longer than 5 s. */
  async restore(): Promise<void> {
    const limit = new AbortController()
    const late = () => limit.abort(new Error(`not read within ${READ_MS / 1000} s`))
    const cancel = this.#options.clock.after(READ_MS, late)
    try {
      const restored = await Promise.race([this.#read(limit.signal), aborted(limit.signal)])
      if (restored === undefined) return
      this.restored = restored
      this.#onDisk = { ...restored, changes: undefined }
      this.#notBeforeMs = this.#options.clock.nowMs() + pauseMs(restored.bytes) - 1000 * ageS(restored.takenAtMs)
    } catch (error) {
      this.#isForbidden = error instanceof Unusable && !error.isSnapshot
      this.#isUnseen = !(error instanceof Unusable)
      this.#log.warn(NAME, `snapshot "${this.file}" is ignored: ${textOf(error)}`)
    } finally {
      cancel()
    }
  }

  /** Writes from now on, as soon as there is something to write. */
  start(): void {
    const { sections, clock } = this.#options
    this.#partFromMs = clock.nowMs() + PAUSE_MS
    const indexes = new Set(sections.map(({ index }) => index))
    void Promise.all([...indexes].map(index => index.whenSynced())).then(() => this.#schedule())
    this.#schedule()
  }

  /** Writes a last time if need be, for two seconds at most. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelTimer()
    const timer = setTimeout(() => this.#abort.abort(new Error('the server stops')), LAST_WRITE_MS)
    const lastWrite = async () => {
      await this.#writing
      if (this.#isDue) await this.#write()
    }
    await Promise.race([lastWrite(), aborted(this.#abort.signal).catch(() => undefined)])
    clearTimeout(timer)
    this.#unobserve()
    const others = users.get(this.file)!.filter(user => user !== this)
    if (others.length > 0) users.set(this.file, others)
    else users.delete(this.file)
  }

  async #read(signal: AbortSignal): Promise<Restored | undefined> {
    const { sections, picture } = this.#options
    await removeLeftovers(this.file, Date.now()).catch(() => undefined) // the first write will tell
    const expected = await picture()
    const nowMs = Date.now()
    return await readSnapshot({ file: this.file, picture: expected, sections, nowMs, slices: workSlices, signal })
  }

  /** Looks after the pause, or now if that is over, whether there is something to write. */
  #schedule(): void {
    this.#cancelTimer()
    if (this.#stopped || this.#isForbidden) return
    const { clock } = this.#options
    const waitMs = this.#notBeforeMs - clock.nowMs()
    if (waitMs > 0) this.#cancelTimer = clock.after(waitMs, () => this.#schedule())
    else if (this.#isDue) void this.#write().then(() => this.#schedule())
    else this.#cancelTimer = clock.after(PAUSE_MS, () => this.#schedule())
  }

  /** There is something new, and what is there is ours to replace, and not more complete than what we have. */
  get #isDue(): boolean {
    const { file, sections, clock } = this.#options
    if (this.#isForbidden || this.#writing !== undefined || users.get(file)?.at(-1) !== this) return false
    const synced = sections.filter(isSynced)
    const isAll = synced.length === sections.length
    if (synced.length === 0 || (!isAll && clock.nowMs() < this.#partFromMs)) return false
    const onDisk = this.#onDisk
    if (onDisk === undefined) return true
    if (sections.some(section => onDisk.sections.includes(section.name) && !isSynced(section))) return false
    if (synced.some(({ name }) => !onDisk.sections.includes(name))) return true
    return onDisk.changes !== changesOf(sections) || Date.now() - onDisk.takenAtMs > REFRESH_MS
  }

  /** Never fails. */
  #write(): Promise<void> {
    this.#writing = this.#tryWrite().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  async #tryWrite(): Promise<void> {
    const { file, clock, picture } = this.#options
    const sections = this.#options.sections.filter(isSynced)
    const changes = changesOf(this.#options.sections)
    const takenAtMs = Date.now()
    let bytes = 0
    try {
      const header = { takenAtMs, picture: await picture() }
      if (this.#isUnseen) await checkSnapshot(file)
      this.#isUnseen = false
      bytes = await writeSnapshot({ file, header, sections, slices: workSlices, signal: this.#abort.signal })
      this.#onDisk = { takenAtMs, changes, sections: sections.map(({ name }) => name) }
      count(this.#writes)
      if (this.#isFailing) this.#log.info(NAME, `snapshot "${file}" is written again`)
      this.#isFailing = false
    } catch (error) {
      count(this.#failures)
      this.#isForbidden = error instanceof Unusable
      const text = `snapshot "${file}" cannot be written, answers do not depend on it: ${textOf(error)}`
      if (!this.#isFailing) this.#log.warn(NAME, text)
      this.#isFailing = true
    }
    this.#notBeforeMs = clock.nowMs() + pauseMs(bytes)
  }
}

/** Seconds since then; 0 where the clock was set back meanwhile. */
export function ageS(takenAtMs: number): number {
  return Math.max(0, (Date.now() - takenAtMs) / 1000)
}

function pauseMs(bytes: number): number {
  return Math.max(PAUSE_MS, (bytes / BYTES_PER_S) * 1000)
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}
