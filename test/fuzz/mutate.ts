/**
 * Mutations of octets, the same ones for the same seed: bits, octets, spans, numbers that look like lengths and counts,
 * pieces of others, and words of the format (types, options, pointers; keywords where it is text).
 */
import type { Random } from '../parity/random.ts'

/** Values that lengths, counts and offsets go wrong at. */
const EDGES = [0, 1, 2, 0x0c, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xc0, 0xff]
const MAX_CHANGES = 4

export class Mutator {
  readonly #random: Random
  readonly #words: readonly Uint8Array[]
  readonly #maxBytes: number

  /** @param words pieces of the format; @param maxBytes of what comes out */
  constructor(random: Random, words: readonly Uint8Array[], maxBytes: number) {
    this.#random = random
    this.#words = words
    this.#maxBytes = maxBytes
  }

  /** One to four changes to a copy of `input`; `other` lends pieces. */
  mutate(input: Uint8Array, other: Uint8Array): Uint8Array {
    let octets = Uint8Array.from(input)
    const changes = 1 + this.#random.below(MAX_CHANGES)
    for (let i = 0; i < changes; i++) octets = this.#change(octets, other)
    return octets.length > this.#maxBytes ? octets.slice(0, this.#maxBytes) : octets
  }

  #change(octets: Uint8Array<ArrayBuffer>, other: Uint8Array): Uint8Array<ArrayBuffer> {
    const random = this.#random
    const at = random.below(octets.length + 1)
    switch (octets.length === 0 ? 11 : random.below(14)) {
      case 0:
        octets[at]! ^= 1 << random.below(8)
        return octets
      case 1:
        octets[at] = random.below(256)
        return octets
      case 2:
        octets[at] = random.one(EDGES)
        return octets
      case 3:
        return setNumber(octets, at, random.one(EDGES) << (random.percent(50) ? 8 : 0), 2)
      case 4:
        octets[at] = (octets[at] ?? 0) + random.one([-1, 1, 2, 16])
        return octets
      case 5:
        return setNumber(octets, at, 0xc000 | random.below(octets.length + 2), 2) // a pointer, RFC 1035 §4.1.4
      case 6:
        return octets.slice(0, at)
      case 7:
        return spliced(octets, at, 1 + random.below(8), octets.subarray(0, 0))
      case 8: {
        const from = random.below(octets.length)
        return spliced(octets, at, 0, octets.subarray(from, from + 1 + random.below(64)))
      }
      case 9: {
        const from = random.below(other.length + 1)
        return spliced(octets, at, random.below(16), other.subarray(from, from + 1 + random.below(64)))
      }
      case 10:
        return spliced(octets, at, this.#words.length === 0 ? 0 : random.below(3), this.#word())
      case 11:
        return spliced(octets, at, 0, this.#word())
      case 12: {
        const word = this.#word()
        octets.set(word.subarray(0, octets.length - at), at)
        return octets
      }
      default:
        return spliced(octets, at, 0, new Uint8Array(1 + random.below(48)).fill(octets[at] ?? random.below(256)))
    }
  }

  #word(): Uint8Array {
    return this.#words.length === 0 ? Uint8Array.of(this.#random.below(256)) : this.#random.one(this.#words)
  }
}

function setNumber(octets: Uint8Array<ArrayBuffer>, at: number, value: number, bytes: number): Uint8Array<ArrayBuffer> {
  for (let i = 0; i < bytes; i++) octets[at + i] = value >> (8 * (bytes - 1 - i))
  return octets
}

/** `octets` with `removed` of them, from `at` on, replaced by `inserted`. */
function spliced(octets: Uint8Array, at: number, removed: number, inserted: Uint8Array): Uint8Array<ArrayBuffer> {
  const rest = octets.subarray(Math.min(octets.length, at + removed))
  const made = new Uint8Array(at + inserted.length + rest.length)
  made.set(octets.subarray(0, at))
  made.set(inserted, at)
  made.set(rest, at + inserted.length)
  return made
}
