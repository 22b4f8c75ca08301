/**
 * Objects from a folder of Kubernetes manifests (`manifests DIR`): reads it, watches it, and keeps the index at what it
 * says. A file that cannot be read as a manifest is named, and what it said before stays.
 */
import { readFile } from 'node:fs/promises'
import type { FSWatcher } from 'chokidar'
import * as serverLog from '../../../server/log.ts'
import { workSlices } from '../../../server/work-slices.ts'
import type { Store } from '../index/store.ts'
import { textOf } from '../informer/api-error.ts'
import { type Clock, monotonicClock } from '../informer/clock.ts'
import type { SourceLog } from './api-reporter.ts'
import { batchesOf, isVisible, type ManifestFile, manifestsIn } from './manifest-folder.ts'
import { manifestObject, namespaceMentioned } from './manifest-object.ts'
import { type Duplicate, type ManifestContent, ManifestMerger } from './manifest-set.ts'
import { ManifestError, objectsIn } from './manifest-text.ts'
import type { ManifestsSettings, Source, View } from './source.ts'

/** Who writes a file writes for a moment: what is seen first may be half of it. */
const SETTLE_MS = 30
/** An empty file is most often one that somebody is about to write. */
const EMPTY_SETTLE_MS = 250
/** What no event tells (network file systems, links to elsewhere, a folder made anew) is seen after this. */
const RESCAN_MS = 30_000

interface KnownFile {
  /** Empty: to be read again in any case. */
  readonly version: string
  /** What the file says, or said last while it was in order. */
  readonly content: ManifestContent
  /** What is wrong with it; empty if nothing is. */
  readonly trouble: string
}

export class ManifestsSource implements Source {
  readonly #settings: ManifestsSettings
  readonly #clock: Clock
  readonly #log: SourceLog
  readonly #merger: ManifestMerger
  readonly #files = new Map<string, KnownFile>()
  readonly #told = new Set<string>()
  #store: Store | undefined
  #watching: Promise<FSWatcher> | undefined
  #cancelTimer = () => {}
  /** The timer is set: something may have happened that no look has begun after. */
  #isScanDue = false
  #scanning: Promise<void> | undefined
  #scanAgain = false
  #stopped = false
  #folderMissing = false
  /** When the folder was last looked at with success. */
  #readAtMs = Number.NEGATIVE_INFINITY

  constructor(settings: ManifestsSettings, clock: Clock = monotonicClock, log: SourceLog = serverLog) {
    this.#settings = settings
    this.#clock = clock
    this.#log = log
    this.#merger = new ManifestMerger(settings)
  }

  async start(store: Store): Promise<void> {
    const { folder, kinds } = this.#settings
    this.#store = store
    try {
      await this.#read(await manifestsIn(folder))
    } catch (cause) {
      throw new Error(`found no folder "${folder}", expected one with manifests (.yaml, .yml, .json)`, { cause })
    }
    for (const kind of kinds) store.setSynced(kind, true)
    if (this.#files.size === 0) this.#log.warn('kubernetes', `found no manifest (.yaml, .yml, .json) below "${folder}"`)
    this.#scanSoon(RESCAN_MS)
    // Beside the start: what changes before the watcher is ready is seen right after.
    this.#watching = this.#watch()
    this.#watching.catch(error => this.#cannotWatch(error))
  }

  views(): readonly View[] {
    return [{ resource: 'manifests', ageMs: this.#clock.nowMs() - this.#readAtMs }]
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelTimer()
    const watcher = await this.#watching?.catch(() => undefined)
    await watcher?.close()
    await this.#scanning
  }

  async #watch(): Promise<FSWatcher> {
    const { folder } = this.#settings
    const { watch } = await import('chokidar')
    const watcher = watch(folder, { ignoreInitial: true, ignored: path => !isVisible(folder, path) })
    // Any event is only a reason to look. `raw` also tells of `..data`, which is hidden and all that a ConfigMap changes.
    watcher.on('all', () => this.#scanSoon(SETTLE_MS))
    watcher.on('raw', () => this.#scanSoon(SETTLE_MS))
    watcher.on('error', error => this.#cannotWatch(error))
    watcher.once('ready', () => this.#scanSoon(SETTLE_MS)) // what changed between the first read and now
    return watcher
  }

  #cannotWatch(error: unknown): void {
    this.#log.warn('kubernetes', `cannot watch "${this.#settings.folder}": ${textOf(error)}`)
  }

  #scanSoon(delayMs: number): void {
    if (this.#stopped) return
    this.#isScanDue = true
    this.#cancelTimer()
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      this.#isScanDue = false
      this.#scanAgain = true
      this.#scanning ??= this.#scan().finally(() => {
        this.#scanning = undefined
      })
    })
  }

  async #scan(): Promise<void> {
    let againAfterMs = RESCAN_MS
    while (this.#scanAgain && !this.#stopped) {
      this.#scanAgain = false
      try {
        againAfterMs = await this.#read(await manifestsIn(this.#settings.folder))
        this.#folderMissing = false
      } catch (error) {
        if (!this.#folderMissing) this.#log.error('kubernetes', `keeping what the manifests said: ${textOf(error)}`)
        this.#folderMissing = true
      }
    }
    if (!this.#isScanDue) this.#scanSoon(againAfterMs)
  }

  /** Reads what changed and brings the index to it. Gives the milliseconds until it should be looked at again. */
  async #read(files: readonly ManifestFile[]): Promise<number> {
    let changed = false
    let againAfterMs = RESCAN_MS
    const present = new Set(files.map(({ name }) => name))
    for (const name of this.#files.keys()) {
      if (present.has(name)) continue
      this.#files.delete(name)
      changed = true
    }
    const unread = files.filter(({ name, version }) => this.#files.get(name)?.version !== version)
    for (const batch of batchesOf(unread)) {
      const readAtMs = Date.now()
      const texts = await Promise.allSettled(batch.map(({ path }) => readFile(path, 'utf8')))
      for (const [i, file] of batch.entries()) {
        const known = this.#files.get(file.name)
        const ageMs = Math.abs(readAtMs - file.modifiedAtMs) // a time ahead of ours gets no younger by waiting
        const read = await this.#take(file, texts[i]!, known)
        if (read.content.objects.length === 0 && known && known.content.objects.length > 0 && ageMs < EMPTY_SETTLE_MS) {
          againAfterMs = Math.min(againAfterMs, EMPTY_SETTLE_MS)
          continue
        }
        // A change within the file system's tick leaves no trace in its times: look once more.
        const isYoung = ageMs < SETTLE_MS
        if (isYoung) againAfterMs = Math.min(againAfterMs, SETTLE_MS)
        const isUnread = texts[i]!.status === 'rejected' // for want of descriptors, say, which shows in no version
        this.#files.set(file.name, { ...read, version: isYoung || isUnread ? '' : file.version })
        changed = true
      }
    }
    if (changed) await this.#apply()
    this.#readAtMs = this.#clock.nowMs()
    return againAfterMs
  }

  async #take(
    { path, name }: ManifestFile,
    text: PromiseSettledResult<string>,
    known: KnownFile | undefined,
  ): Promise<Omit<KnownFile, 'version'>> {
    try {
      if (text.status === 'rejected') throw text.reason
      const content = contentOf(name, await objectsIn(text.value))
      this.#tellUnserved(content)
      if (known && known.trouble !== '') this.#log.info('kubernetes', `${path} is in order again`)
      return { content, trouble: '' }
    } catch (error) {
      const place = error instanceof ManifestError ? `${path}:${error.line}:${error.column}` : path
      const trouble = `${place}: ${error instanceof ManifestError ? error.message : textOf(error)}`
      const content = known?.content ?? { name, objects: [], namespaces: new Set() }
      const stays = content.objects.length > 0 ? ', what it said before stays' : ''
      if (trouble !== known?.trouble) this.#log.error('kubernetes', trouble + stays)
      return { content, trouble }
    }
  }

  async #apply(): Promise<void> {
    const store = this.#store!
    const contents = [...this.#files.values()]
      .map(({ content }) => content)
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    const { objects, duplicates } = this.#merger.merge(contents)
    this.#tellDuplicates(duplicates)
    for (const [kind, all] of objects) {
      const token = store.beginList(kind)
      for (const object of all) {
        store.put(kind, object)
        if (workSlices.spent) await workSlices.pause()
      }
      await store.endList(kind, token)
    }
  }

  #tellUnserved({ name: file, objects }: ManifestContent): void {
    for (const { kind, namespace, name, slim } of objects) {
      if (typeof slim === 'string') this.#tell(`${file}: ${kind} "${keyOf(namespace, name)}" is not served: ${slim}`)
    }
  }

  #tellDuplicates(duplicates: readonly Duplicate[]): void {
    for (const { kind, namespace, name, dropped, kept } of duplicates) {
      this.#tell(`${kind} "${keyOf(namespace, name)}" stands in "${dropped}" and in "${kept}", the latter is served`)
    }
  }

  #tell(text: string): void {
    if (this.#told.has(text)) return
    this.#told.add(text)
    this.#log.warn('kubernetes', text)
  }
}

function contentOf(name: string, json: Awaited<ReturnType<typeof objectsIn>>): ManifestContent {
  const namespaces = new Set<string>()
  const objects = []
  for (const each of json) {
    const mentioned = namespaceMentioned(each)
    if (mentioned !== '') namespaces.add(mentioned)
    const object = manifestObject(each)
    if (!object) continue
    objects.push(object)
    if (object.namespace !== '') namespaces.add(object.namespace)
  }
  return { name, objects, namespaces }
}

function keyOf(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}/${name}`
}
