/**
 * An answer as it is composed, before it is bytes: an rcode, a few flags, and three sections of records whose data
 * already is in wire form and stays where it lives (an index, a cache entry, a prepared set). Stages reorder and filter
 * this composition; wire/encode.ts turns it into a message. One belongs to each Query and is reset, not rebuilt.
 */

/** Memory for record data that an answer keeps for the next one: enough for any datagram, and little for each of many. */
const KEPT_SCRATCH_BYTES = 16_384
const FIRST_SCRATCH_BYTES = 256

/** Owner "the name that was asked": becomes a pointer to the question. */
export const QUESTION: Uint8Array | null = null

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

export class Answer {
  rcode = 0
  /** AA: only on data that a local plugin owns. */
  authoritative = false
  /** TC: set by a stage that passes on a truncated reply, and by encoding for its own cuts. */
  truncated = false
  readonly answer = new Section()
  readonly authority = new Section()
  readonly additional = new Section()
  /** Extended DNS Error (RFC 8914) and its text, -1 for none; sent only to those who sent an OPT. */
  extendedError = -1
  extendedErrorText = ''
  /** Why this is a failure, for `errors` to log; never sent. */
  error: Error | undefined = undefined
  /** Not to be sent: it comes so late, to one who asked so much, that it would do harm. */
  withheld = false
  /** The server that said so, or the last one that did not: `10.0.0.1:53`. Empty for what is known here. Never sent. */
  upstream = ''
  /**
   * A reply of several messages, over a stream (zone transfers): each step composes the next one into this answer; when
   * there is none left, what was composed last is the last message. Only in an answer that was waited for.
   */
  messages: Iterable<void> | undefined = undefined
  /** Memory for record data made for this answer alone (SRV, joined addresses). */
  #scratch = new Uint8Array(FIRST_SCRATCH_BYTES)
  #scratchUsed = 0

  reset(): this {
    this.rcode = 0
    this.authoritative = false
    this.truncated = false
    this.answer.count = 0
    this.authority.count = 0
    this.additional.count = 0
    this.extendedError = -1
    this.extendedErrorText = ''
    this.error = undefined
    this.upstream = ''
    this.withheld = false
    this.#scratchUsed = 0
    if (this.#scratch.length > KEPT_SCRATCH_BYTES) this.#scratch = new Uint8Array(FIRST_SCRATCH_BYTES)
    return this
  }

  /**
   * Takes `length` octets for record data of this answer and puts their place into `scratchAt`. They stay valid until the
   * next `reset`: a full block is left to those who point into it and a larger one begun.
   */
  scratch(length: number): Uint8Array {
    if (this.#scratchUsed + length > this.#scratch.length) {
      this.#scratch = new Uint8Array(Math.max(this.#scratch.length * 2, length))
      this.#scratchUsed = 0
    }
    this.scratchAt = this.#scratchUsed
    this.#scratchUsed += length
    return this.#scratch
  }
  /** Where the octets of the last `scratch` begin. */
  scratchAt = 0

  /** Gives back what follows the first `length` octets of the last `scratch`. */
  trimScratch(length: number): void {
    this.#scratchUsed = this.scratchAt + length
  }
}
