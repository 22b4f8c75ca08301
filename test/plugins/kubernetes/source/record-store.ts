/** The write side of an index, as plain maps: what a source did with it, in order, and a way to wait for it. */
import type { ListToken, Store } from '../../../../plugins/kubernetes/index/store.ts'
import type { AnyKind, SlimObject } from '../../../../plugins/kubernetes/object/object.ts'

export class RecordStore implements Store {
  readonly synced = new Set<AnyKind>()
  /** `put service default/web`, `delete …`, `begin service`, `end service`. */
  readonly log: string[] = []
  /** Keeps no log of puts: for lists larger than memory. */
  quiet = false
  readonly #objects = new Map<AnyKind, Map<string, SlimObject>>()
  readonly #marks = new Map<AnyKind, { token: ListToken; seen: Set<string> }>()
  readonly #waiting = new Set<() => void>()
  #tokens = 0

  put(kind: AnyKind, object: SlimObject): boolean {
    const key = keyOf(object)
    const isChange = JSON.stringify(this.#of(kind).get(key)) !== JSON.stringify(object)
    this.#of(kind).set(key, object)
    this.#marks.get(kind)?.seen.add(key)
    if (!this.quiet) this.#note(`put ${kind} ${key}`)
    return isChange
  }

  delete(kind: AnyKind, namespace: string, name: string): void {
    const key = namespace === '' ? name : `${namespace}/${name}`
    this.#of(kind).delete(key)
    this.#note(`delete ${kind} ${key}`)
  }

  beginList(kind: AnyKind): ListToken {
    this.#marks.set(kind, { token: ++this.#tokens, seen: new Set() })
    this.#note(`begin ${kind}`)
    return this.#tokens
  }

  async endList(kind: AnyKind, token: ListToken): Promise<number> {
    const mark = this.#marks.get(kind)
    if (mark?.token !== token) return 0
    const outdated = [...this.#of(kind).keys()].filter(key => !mark.seen.has(key))
    for (const key of outdated) this.#of(kind).delete(key)
    this.#marks.delete(kind)
    this.#note(`end ${kind}`)
    return outdated.length
  }

  setSynced(kind: AnyKind, synced: boolean): void {
    if (synced) this.synced.add(kind)
    else this.synced.delete(kind)
    this.#note(`synced ${kind} ${synced}`)
  }

  names(kind: AnyKind): string[] {
    return [...this.#of(kind).keys()].sort()
  }

  // biome-ignore lint/suspicious/noExplicitAny: a slim object of any kind, for asserts
  get(kind: AnyKind, key: string): any {
    return this.#of(kind).get(key)
  }

  /** Resolves once `met` holds; asked after every write. */
  until(met: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const check = () => {
        if (!met()) return
        this.#waiting.delete(check)
        setImmediate(resolve) // after what follows from the write at once
      }
      this.#waiting.add(check)
      check()
    })
  }

  #of(kind: AnyKind): Map<string, SlimObject> {
    let objects = this.#objects.get(kind)
    if (!objects) {
      objects = new Map()
      this.#objects.set(kind, objects)
    }
    return objects
  }

  #note(text: string): void {
    this.log.push(text)
    for (const check of this.#waiting) check()
  }
}

function keyOf(object: SlimObject): string {
  return 'namespace' in object ? `${object.namespace}/${object.name}` : object.name
}
