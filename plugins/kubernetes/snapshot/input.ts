/**
 * A file from its start to a limit, in chunks: as many octets at a time as are asked for. All that is read goes into a
 * checksum. A length that the file cannot hold takes no memory.
 */
import { createHash, type Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { Malformed } from './octets.ts'

const CHUNK_BYTES = 1 << 18

export class Input {
  /** What was read and not used up: from `at` to `end`. Replaced when more is asked for. */
  bytes = Buffer.allocUnsafe(CHUNK_BYTES)
  at = 0
  end = 0
  readonly limit: number
  readonly hash: Hash = createHash('sha256')
  readonly #handle: FileHandle
  #position = 0

  constructor(handle: FileHandle, limit: number) {
    this.#handle = handle
    this.limit = limit
  }

  get available(): number {
    return this.end - this.at
  }

  /** Octets up to the limit. */
  get left(): number {
    return this.available + this.limit - this.#position
  }

  /** Makes that many octets available, or all that are left. */
  offer(count: number): Promise<void> {
    return this.need(Math.min(count, this.left))
  }

  /** @throws Malformed if there are not so many */
  async need(count: number): Promise<void> {
    if (count > this.left) throw new Malformed('found the end of the file, expected more of it')
    if (count > this.bytes.length - this.at) {
      const larger = count > this.bytes.length ? Buffer.allocUnsafe(count + CHUNK_BYTES) : this.bytes
      this.bytes.copy(larger, 0, this.at, this.end)
      this.end -= this.at
      this.at = 0
      this.bytes = larger
    }
    while (this.available < count) await this.#read()
  }

  async #read(): Promise<void> {
    // Used up: from the start of the memory again.
    if (this.at === this.end) this.at = this.end = 0
    const room = Math.min(this.bytes.length - this.end, this.limit - this.#position)
    const { bytesRead } = await this.#handle.read(this.bytes, this.end, room, this.#position)
    if (bytesRead === 0) throw new Malformed('found the end of the file, expected more of it')
    this.hash.update(this.bytes.subarray(this.end, this.end + bytesRead))
    this.end += bytesRead
    this.#position += bytesRead
  }
}
