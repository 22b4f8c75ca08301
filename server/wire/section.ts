/** The records of one section of an answer, before they are octets. */

/** Type, class, TTL, length of the data: what a record has in a message beside its owner and data (RFC 1035 §4.1.3). */
export const RECORD_HEAD_BYTES = 10

/** Owner "the name that was asked": becomes a pointer to the question. */
export const QUESTION: Uint8Array | null = null

/** Columns that are longer are given back: a query that is used again may have had thousands of records once. */
const KEPT_RECORDS = 256

/**
 * The records of one section as columns. A record's data is uncompressed wire form: `dataLength` octets at `dataAt` of
 * `data`. Its owner is a lower-case or as-received uncompressed name at `ownerAt` of `owner`; where `owner` is QUESTION,
 * `ownerAt` is the place of a label within the question's name: 0 the whole of it, `labelAt[i]` its suffix.
 */
export class Section {
  count = 0
  readonly owner: (Uint8Array | null)[] = []
  readonly ownerAt: number[] = []
  readonly type: number[] = []
  readonly ttl: number[] = []
  readonly data: Uint8Array[] = []
  readonly dataAt: number[] = []
  readonly dataLength: number[] = []

  add(
    owner: Uint8Array | null,
    ownerAt: number,
    type: number,
    ttl: number,
    data: Uint8Array,
    dataAt = 0,
    dataLength = data.length,
  ): void {
    const i = this.count++
    this.owner[i] = owner
    this.ownerAt[i] = ownerAt
    this.type[i] = type
    this.ttl[i] = ttl
    this.data[i] = data
    this.dataAt[i] = dataAt
    this.dataLength[i] = dataLength
  }

  /** Takes all records out. */
  clear(): void {
    if (this.count > KEPT_RECORDS) this.drop()
    this.count = 0
  }

  /** The same, and lets go of the columns and of all that they point at. */
  drop(): void {
    this.count = 0
    const { owner, ownerAt, type, ttl, data, dataAt, dataLength } = this
    for (const column of [owner, ownerAt, type, ttl, data, dataAt, dataLength]) column.length = 0
  }

  /** Appends record `i` of another section. */
  addFrom(from: Section, i: number): void {
    this.add(
      from.owner[i]!,
      from.ownerAt[i]!,
      from.type[i]!,
      from.ttl[i]!,
      from.data[i]!,
      from.dataAt[i]!,
      from.dataLength[i]!,
    )
  }

  /** Exchanges two records. */
  swap(i: number, j: number): void {
    if (i === j) return
    swap(this.owner, i, j)
    swap(this.ownerAt, i, j)
    swap(this.type, i, j)
    swap(this.ttl, i, j)
    swap(this.data, i, j)
    swap(this.dataAt, i, j)
    swap(this.dataLength, i, j)
  }
}

function swap<T>(column: T[], i: number, j: number): void {
  const held = column[i]!
  column[i] = column[j]!
  column[j] = held
}
