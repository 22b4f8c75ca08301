/**
 * What is left of a reply while its records are gathered, counted by the fewest octets that each of them takes: nobody is to
 * look at ten thousand endpoints to send twenty. What does not fit is gathered until the message is surely full, and says TC.
 */
import type { Query } from '../../server/plugin.ts'
import { POINTER_BYTES } from '../../server/wire/name.ts'
import { RECORD_HEAD_BYTES } from '../../server/wire/section.ts'

/** Octets of a record whose owner is a pointer, without its data: no record takes fewer. */
export const LEAST_BYTES = POINTER_BYTES + RECORD_HEAD_BYTES

/**
 * One record more than the reply can hold, or just as many: a set that is larger is begun at a random place, so that each
 * of it has its turn, and the reply says TC.
 */
export function recordsThatFit(q: Query, dataBytes: number): number {
  return Math.ceil(q.replyBytes / (LEAST_BYTES + dataBytes))
}

export class Room {
  #answerBytes = 0
  /** For the answer and additional sections together. */
  #wholeBytes = 0
  /** How far below nothing that may fall: endpoints are looked at on, as they may have names that are not in the answer. */
  #leastBytes = 0

  begin(q: Query): void {
    this.#answerBytes = this.#wholeBytes = q.replyBytes
    this.#leastBytes = -this.#wholeBytes
  }

  /** Nothing that is added is sent any more, or so much was looked at that it need not be. */
  get isFull(): boolean {
    return this.#answerBytes <= 0 || this.#wholeBytes <= this.#leastBytes
  }

  /** Additional records may still be sent. */
  get holdsMore(): boolean {
    return this.#wholeBytes > 0
  }

  /** An endpoint is looked at. */
  look(): void {
    if (this.#wholeBytes <= 0) this.#wholeBytes -= LEAST_BYTES + 4
  }

  /** A record was added to the answer section. */
  takeAnswer(dataBytes: number): void {
    this.#answerBytes -= LEAST_BYTES + dataBytes
    this.#wholeBytes -= LEAST_BYTES + dataBytes
  }

  /** A record was added to the additional section. */
  takeAdditional(dataBytes: number): void {
    this.#wholeBytes -= LEAST_BYTES + dataBytes
  }
}
