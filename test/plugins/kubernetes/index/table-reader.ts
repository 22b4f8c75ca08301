/** A thread that looks up, over and over, what is to be in a table that the main one changes, and says what it did not find. */
import { setImmediate } from 'node:timers/promises'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { follow } from '../../../../plugins/kubernetes/index/readers.ts'
import { Slab } from '../../../../plugins/kubernetes/index/slab.ts'
import { Table } from '../../../../plugins/kubernetes/index/table.ts'

export interface TableReaderData {
  readonly memory: SharedArrayBuffer
  readonly lock: SharedArrayBuffer
  readonly root: number
  /** Hashes of entries that stay; the block of the first is 4, of the second 8, and so on. */
  readonly stay: readonly number[]
  readonly port: MessagePort
}

export interface TableVerdict {
  readonly looks: number
  readonly faults: readonly string[]
}

const MAX_FAULTS = 10

const { memory, lock, root, stay, port } = workerData as TableReaderData
const slab = new Slab(1 << 10)
const table = new Table(slab, root)
slab.lock.join(lock)
slab.adopt(memory)
follow(slab, 0, port)

let isStopped = false
parentPort!.once('message', () => {
  isStopped = true
})
parentPort!.postMessage('here')

let looks = 0
const faults: string[] = []
while (!isStopped) {
  for (const [i, hash] of stay.entries()) {
    let isThere: boolean
    let seen: number
    do {
      seen = slab.lock.now()
      isThere = has(hash, 4 * (i + 1))
    } while (slab.lock.isOver(seen))
    looks++
    if (!isThere && faults.length < MAX_FAULTS) faults.push(`look ${looks} did not find ${hash}`)
  }
  await setImmediate()
}
parentPort!.postMessage({ looks, faults } satisfies TableVerdict)
port.close()

function has(hash: number, block: number): boolean {
  for (let slot = table.first(hash); slot !== 0; slot = table.next(slot, hash)) {
    if (table.block(slot) === block) return true
  }
  return false
}
