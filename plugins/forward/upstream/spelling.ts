/**
 * Random case in the question to one upstream (draft-vixie-dnsext-dns0x20): who forges a reply must guess the case of
 * each letter too. It is demanded of an upstream once that has been seen to keep it, and no more when it keeps it no more.
 */
import { random16 } from '../random.ts'

/** So many replies in a row with the question's very case show that it is kept. */
const PROOFS = 16
/** So many in a row with another show that it is kept no more: no forger hits id, port and question so often. */
const COUNTERPROOFS = 3

export class Spelling {
  #kept = 0
  #lost = 0

  /** True if a reply in another case is a forged one. */
  get isKept(): boolean {
    return this.#kept === PROOFS
  }

  /** Takes over what another one knows. */
  inherit(from: Spelling): void {
    this.#kept = from.#kept
    this.#lost = from.#lost
  }

  /**
   * Judges a reply whose question is right without regard to case. `exact`: with regard to it, too. `mixed`: there was
   * something to keep. False if the reply is not to be believed; what came over a stream always is.
   */
  judge(exact: boolean, mixed: boolean, stream: boolean): boolean {
    if (exact) {
      if (mixed && this.#kept < PROOFS) this.#kept++
      this.#lost = 0
      return true
    }
    const believed = stream || !this.isKept
    if (believed || ++this.#lost === COUNTERPROOFS) {
      this.#kept = 0
      this.#lost = 0
    }
    return believed
  }
}

/** Gives each letter of the lower-case name at `at` upper case or not, by chance. */
export function spellAtRandom(bytes: Uint8Array, at: number, length: number): void {
  let bits = 0
  for (let i = 0; i < length; i++) {
    if ((i & 15) === 0) bits = random16()
    const octet = bytes[at + i]!
    if (octet >= 0x61 && octet <= 0x7a) bytes[at + i] = octet - ((bits & 1) << 5)
    bits >>= 1
  }
}
