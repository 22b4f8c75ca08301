/**
 * Which events are news. The API server promises order, what stands between may repeat and reorder: of the objects that
 * changed last, the version is remembered, so that an older event about one of them is dropped; events about others are
 * dropped if they are older than everything remembered. Bounded; holds no version per object of the cluster.
 */

const MAX_REMEMBERED = 1024

export class RecentVersions {
  #current = ''
  /** Changes up to here are in the index already, other than those remembered. */
  #floor = 0
  readonly #byKey = new Map<string, number>()

  /** The version to resume from; empty if only a list helps. */
  get current(): string {
    return this.#current
  }

  /** Forgets everything: the next list decides. */
  forget(): void {
    this.#current = ''
  }

  /** A list of this version is in the index. */
  listed(version: string): void {
    this.#current = version
    this.#floor = numberOf(version) ?? 0
    this.#byKey.clear()
  }

  /** All changes up to this version were sent. False if that is before what was sent already. */
  bookmark(version: string): boolean {
    const number = numberOf(version)
    const current = numberOf(this.#current)
    if (number !== undefined && current !== undefined && number < current) return false
    this.#current = version
    return true
  }

  /**
   * Notes an event; false if the index already holds this change or a later one of the object. A deletion is news even
   * at the object's own version, which is what some servers send with it.
   */
  accept(key: string, version: string, isDeletion: boolean): boolean {
    const number = numberOf(version)
    if (number === undefined) {
      this.#current = version
      return true
    }
    const known = this.#byKey.get(key)
    if (isDeletion ? known !== undefined && number < known : number <= (known ?? this.#floor)) return false
    this.#byKey.delete(key) // to the end: the map is in order of arrival
    this.#byKey.set(key, number)
    if (this.#byKey.size > MAX_REMEMBERED) this.#forgetOldest()
    const current = numberOf(this.#current)
    if (current === undefined || number > current) this.#current = version
    return true
  }

  #forgetOldest(): void {
    for (const [key, version] of this.#byKey) {
      this.#byKey.delete(key)
      this.#floor = Math.max(this.#floor, version)
      return
    }
  }
}

/** Versions are decimal numbers in practice and by contract since 1.35; anything else is opaque. */
function numberOf(version: string): number | undefined {
  return /^\d{1,15}$/.test(version) ? Number(version) : undefined
}
