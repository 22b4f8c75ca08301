/**
 * A stored answer: its octets, what was asked for, and the image of the reply (server/wire/image.ts), each from a multiple
 * of four on, as memory is copied and names are compared in words. Put together in one place, and copied from there into
 * the cells of a store.
 *
 *   +---------------------+-------------------------+-------+
 *   | octets of image (4) | name, lower case, 0 … 0 | image |
 *   +---------------------+-------------------------+-------+
 */
import type { Answer, Query } from '../../server/plugin.ts'
import { RCODE } from '../../server/wire/codes.ts'
import { MAX_IMAGE_BYTES, writeImage } from '../../server/wire/image-writer.ts'
import { MAX_NAME_BYTES } from '../../server/wire/name.ts'

const WORD_BYTES = 4
const words = new Int32Array((WORD_BYTES + MAX_NAME_BYTES + 1 + MAX_IMAGE_BYTES + 3) >> 2)
const bytes = new Uint8Array(words.buffer)

/** An entry that is to be stored. There is one, filled anew each time. */
export interface Draft {
  readonly words: Int32Array
  wordCount: number
  /** Its outcome says something about the name. */
  isResolved: boolean
}
const draft: Draft = { words, wordCount: 0, isResolved: false }

/** Words of the query's name, zeros behind it included. */
export function nameWords(q: Query): number {
  return (q.qnameLength + 3) >> 2
}

/** The entry of an answer to `q`, valid until the next one; undefined if no message would hold it. */
export function draftEntry(q: Query, a: Answer): Draft | undefined {
  const imageAt = 1 + nameWords(q)
  const octets = writeImage(q, a, bytes, imageAt * WORD_BYTES)
  if (octets < 0) return undefined
  words[0] = octets
  for (let i = 1; i < imageAt; i++) words[i] = q.qnameWords[i - 1]!
  draft.wordCount = imageAt + ((octets + 3) >> 2)
  draft.isResolved = isResolved(a.rcode)
  return draft
}

/** An outcome that says something about the name: only such are served stale, and replace what is. */
export function isResolved(rcode: number): boolean {
  return rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN
}
