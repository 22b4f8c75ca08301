/** A set of short octet strings that lives for one answer or one object: emptied in no time, makes no garbage. */
import { equalOctets, HASH_START, hashOctet } from '../../../server/wire/name.ts'

export class Distinct {
  #stamp = new Int32Array(64)
  #hash = new Int32Array(64)
  /** Which of the memories the octets stand in. */
  #memory = new Int32Array(64)
  #at = new Int32Array(64)
  #length = new Int32Array(64)
  #now = 1
  #size = 0
  /** There are few: the index, the answer's scratch. */
  readonly #memories: (Uint8Array | undefined)[] = []
  #memoryCount = 0

  clear(): void {
    this.#size = 0
    while (this.#memoryCount > 0) this.#memories[--this.#memoryCount] = undefined
    this.#now = (this.#now + 1) | 0
    if (this.#now === 0) {
      this.#stamp.fill(0)
      this.#now = 1
    }
  }

  /** Adds the octets, which must stay where they are until `clear`. False if they are in already. */
  add(bytes: Uint8Array, at: number, length: number): boolean {
    if (this.#size * 2 >= this.#stamp.length) this.#grow()
    let hash = HASH_START
    for (let i = at; i < at + length; i++) hash = hashOctet(hash, bytes[i]!)
    const slot = this.#slot(hash, bytes, at, length)
    if (this.#stamp[slot] === this.#now) return false
    this.#set(slot, hash, this.#memoryOf(bytes), at, length)
    this.#size++
    return true
  }

  #memoryOf(bytes: Uint8Array): number {
    const memories = this.#memories
    for (let i = this.#memoryCount - 1; i >= 0; i--) if (memories[i] === bytes) return i
    memories[this.#memoryCount] = bytes
    return this.#memoryCount++
  }

  /** Where the octets stand, or the free slot for them. */
  #slot(hash: number, bytes: Uint8Array, at: number, length: number): number {
    const mask = this.#stamp.length - 1
    let slot = (hash ^ (hash >>> 16)) & mask
    while (this.#stamp[slot] === this.#now) {
      if (this.#hash[slot] === hash && this.#length[slot] === length) {
        if (equalOctets(this.#memories[this.#memory[slot]!]!, this.#at[slot]!, bytes, at, length)) break
      }
      slot = (slot + 1) & mask
    }
    return slot
  }

  #set(slot: number, hash: number, memory: number, at: number, length: number): void {
    this.#stamp[slot] = this.#now
    this.#hash[slot] = hash
    this.#memory[slot] = memory
    this.#at[slot] = at
    this.#length[slot] = length
  }

  #grow(): void {
    const [stamp, hash, memory, at, length] = [this.#stamp, this.#hash, this.#memory, this.#at, this.#length]
    const capacity = stamp.length * 2
    this.#stamp = new Int32Array(capacity)
    this.#hash = new Int32Array(capacity)
    this.#memory = new Int32Array(capacity)
    this.#at = new Int32Array(capacity)
    this.#length = new Int32Array(capacity)
    for (let i = 0; i < stamp.length; i++) {
      if (stamp[i] !== this.#now) continue
      const slot = this.#slot(hash[i]!, this.#memories[memory[i]!]!, at[i]!, length[i]!)
      this.#set(slot, hash[i]!, memory[i]!, at[i]!, length[i]!)
    }
  }
}
