/**
 * Which events are news. The API server promises order, what stands between may repeat and reorder: of the objects that
 * changed last, the version is remembered, so that an older event about one of them is dropped; events about others are
 * dropped if they are older than everything remembered. Bounded; holds no version per object of the cluster.
 *
 * While a list is compared with what the watch brought, nothing is forgotten: each object of the list is then either as
 * known, or out of date, or ahead of the watch.
 */

const MAX_REMEMBERED = 1024
/** Changes during a comparison; with more it is given up. */
const MAX_HELD = 65_536

/** How an object that a list shows stands to what the watch told of it. */
export type Standing = 'known' | 'outdated' | 'ahead'

export class RecentVersions {
  #current = ''
  /** Changes up to here are in the index already, other than those remembered. */
  #floor = 0
  readonly #byKey = new Map<string, number>()
  /** During a comparison: objects that the list changed before the watch told of it. */
  #ahead: Map<string, number> | undefined

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
    if (precedes(version, this.#current)) return false
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
    this.#advance(number, version)
    if (number >= (this.#ahead?.get(key) ?? Number.POSITIVE_INFINITY)) this.#ahead!.delete(key)
    const known = this.#byKey.get(key)
    if (isDeletion ? known !== undefined && number < known : number <= (known ?? this.#floor)) return false
    this.#note(key, number)
    return true
  }

  /** Begins a comparison. False if versions have no order that is known, so that nothing can be compared. */
  beginComparison(): boolean {
    if (numberOf(this.#current) === undefined) return false
    this.#ahead = new Map()
    return true
  }

  /** How an object of the list stands. */
  standing(key: string, version: string): Standing {
    const number = numberOf(version) ?? 0
    const known = this.#byKey.get(key)
    if (known !== undefined && number <= known) return number < known ? 'outdated' : 'known'
    return number > numberOf(this.#current)! ? 'ahead' : 'known'
  }

  /** An object ahead of the watch was put; `isChange`: the watch is expected to tell what changed. */
  putAhead(key: string, version: string, isChange: boolean): void {
    const number = numberOf(version)!
    this.#note(key, number)
    if (isChange) this.#ahead?.set(key, number)
  }

  /** Objects whose change the list showed and the watch has not told since. */
  get untold(): number {
    return this.#ahead?.size ?? 0
  }

  /** True if too much changed for a comparison to go on. */
  get isCrowded(): boolean {
    return this.#byKey.size > MAX_HELD
  }

  /** Ends a comparison; with a version: the whole list of that version is in the index. */
  endComparison(version?: string): void {
    this.#ahead = undefined
    const number = version === undefined ? undefined : numberOf(version)
    if (number !== undefined) {
      this.#advance(number, version!)
      this.#floor = Math.max(this.#floor, number)
    }
    this.#forgetOldest()
  }

  #advance(number: number, version: string): void {
    const current = numberOf(this.#current)
    if (current === undefined || number > current) this.#current = version
  }

  #note(key: string, version: number): void {
    this.#byKey.delete(key) // to the end: the map is in order of arrival
    this.#byKey.set(key, version)
    if (this.#ahead === undefined) this.#forgetOldest()
  }

  #forgetOldest(): void {
    let excess = this.#byKey.size - MAX_REMEMBERED
    if (excess <= 0) return
    const current = numberOf(this.#current) ?? 0
    // One walk for all: each new one would pass by all that was deleted before.
    for (const [key, version] of this.#byKey) {
      if (excess-- === 0) return
      this.#byKey.delete(key)
      // No change beyond the current version may count as known: what a list brought ahead of the watch goes unnoted.
      this.#floor = Math.max(this.#floor, Math.min(version, current))
    }
  }
}

/** True if one version is known to be before the other. */
export function precedes(one: string, other: string): boolean {
  const [oneNumber, otherNumber] = [numberOf(one), numberOf(other)]
  return oneNumber !== undefined && otherNumber !== undefined && oneNumber < otherNumber
}

/** Versions are decimal numbers in practice and by contract since 1.35; anything else is opaque. */
function numberOf(version: string): number | undefined {
  return /^\d{1,15}$/.test(version) ? Number(version) : undefined
}
