/**
 * Memory for replies that are on their way to the kernel. It mostly takes all of them at once; large ones then leave memory
 * that is used again, for the collector would come only after some 64 MB of it.
 */

const LEAST_BYTES = 1 << 13
const LARGEST_BYTES = 1 << 18

/** One of each size that is a power of two, by its logarithm. */
const spare: (Uint8Array | undefined)[] = []

/** The first `length` octets of `bytes`, in memory of their own. */
export function copyOf(bytes: Uint8Array, length: number): Buffer {
  if (length < LEAST_BYTES || length > LARGEST_BYTES) return Buffer.from(bytes.subarray(0, length))
  const size = 32 - Math.clz32(length - 1)
  const memory = spare[size] ?? new Uint8Array(1 << size)
  spare[size] = undefined
  memory.set(bytes.subarray(0, length))
  return Buffer.from(memory.buffer, 0, length)
}

/** Nobody reads what `copyOf` made any more. */
export function giveBack(copy: Buffer): void {
  const { byteLength } = copy.buffer
  if (copy.length < LEAST_BYTES || byteLength > LARGEST_BYTES) return
  spare[31 - Math.clz32(byteLength)] ??= new Uint8Array(copy.buffer)
}
