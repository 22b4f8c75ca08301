/**
 * An answer as it is composed, before it is bytes: an rcode, a few flags, and three sections of records whose data
 * already is in wire form and stays where it lives (an index, a prepared set). Stages reorder and filter this
 * composition; wire/encode.ts turns it into a message. One belongs to each Query and is reset, not rebuilt.
 *
 * An answer that was given before is an image of its octets instead, which encoding copies; the sections are made of it
 * when somebody looks at them, and then it is a composition like any other.
 */
import { Image } from './image.ts'
import type { Query } from './query.ts'
import { Section } from './section.ts'
import { unpack } from './unpack.ts'

/** Memory for record data that an answer keeps for the next one: enough for any datagram, and little for each of many. */
const KEPT_SCRATCH_BYTES = 16_384
const FIRST_SCRATCH_BYTES = 256

export class Answer {
  rcode = 0
  /** AA: only on data that a local plugin owns. */
  authoritative = false
  /** TC: set by a stage that passes on a truncated reply, and by encoding for its own cuts. */
  truncated = false
  /** The records, while `isImage`. Who only copies or counts them looks here; to be changed in place, never in size. */
  readonly image = new Image()
  #isImage = false
  readonly #answer = new Section()
  readonly #authority = new Section()
  readonly #additional = new Section()
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
  /** It has more memory than it keeps. */
  #isLarge = false

  get answer(): Section {
    if (this.#isImage) this.#unpack()
    return this.#answer
  }

  get authority(): Section {
    if (this.#isImage) this.#unpack()
    return this.#authority
  }

  get additional(): Section {
    if (this.#isImage) this.#unpack()
    return this.#additional
  }

  /** True if the records are octets in `image`, and have not been looked at. */
  get isImage(): boolean {
    return this.#isImage
  }

  /** Records of the answer section, counted without making it. */
  get answerCount(): number {
    return this.#isImage ? this.image.answers : this.#answer.count
  }

  /** Makes what was copied into `image` since `reset`, `octets` of it, the answer to `q`. */
  openImage(q: Query, octets: number): this {
    const { image } = this
    image.open(q, octets)
    this.rcode = image.rcode
    this.extendedError = image.extendedError
    this.#isImage = true
    if (image.bytes.length > KEPT_SCRATCH_BYTES) this.#isLarge = true
    return this
  }

  #unpack(): void {
    this.#isImage = false
    unpack(this.image, this)
  }

  reset(): this {
    this.rcode = 0
    this.authoritative = false
    this.truncated = false
    this.#isImage = false
    this.#answer.clear()
    this.#authority.clear()
    this.#additional.clear()
    this.extendedError = -1
    this.extendedErrorText = ''
    this.error = undefined
    this.upstream = ''
    this.withheld = false
    this.#scratchUsed = 0
    if (this.#isLarge) this.#shrink()
    return this
  }

  #shrink(): void {
    this.#isLarge = false
    for (const section of [this.#answer, this.#authority, this.#additional]) section.drop() // they may point into what goes
    if (this.#scratch.length > KEPT_SCRATCH_BYTES) this.#scratch = new Uint8Array(FIRST_SCRATCH_BYTES)
    if (this.image.bytes.length > KEPT_SCRATCH_BYTES) this.image.drop()
  }

  /**
   * Takes `length` octets for record data of this answer and puts their place into `scratchAt`. They stay valid until the
   * next `reset`: a full block is left to those who point into it and a larger one begun.
   */
  scratch(length: number): Uint8Array {
    if (this.#scratchUsed + length > this.#scratch.length) {
      this.#scratch = new Uint8Array(Math.max(this.#scratch.length * 2, length))
      this.#scratchUsed = 0
      this.#isLarge ||= this.#scratch.length > KEPT_SCRATCH_BYTES
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
