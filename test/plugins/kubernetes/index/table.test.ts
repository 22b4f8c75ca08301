/** The hash table in the slab against a naive one, as it grows, shrinks and is walked through; and as another thread reads it. */
import { setImmediate } from 'node:timers/promises'
import { MessageChannel, Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Readers } from '../../../../plugins/kubernetes/index/readers.ts'
import { Slab } from '../../../../plugins/kubernetes/index/slab.ts'
import { Table } from '../../../../plugins/kubernetes/index/table.ts'
import { longestTurnMs } from '../../../harness/turns.ts'
import type { TableReaderData, TableVerdict } from './table-reader.ts'

const ROOT = 1
/** Parts of 24 entries: some hundred entries make a deep directory. */
const SMALL_PART = 32
const MANY = 300_000
/** Ten times what an event loop may be held up by everything together. */
const MAX_TURN_MS = 50
/** What a change copies at most: one part, or the directory. All entries at once are a hundred times that. */
const MAX_COPIED_BYTES = 1 << 15

/** Blocks by hash, as the table is to have them. */
class Model {
  readonly #blocks = new Map<number, Set<number>>()
  insert(hash: number, block: number): void {
    this.#blocks.set(hash, (this.#blocks.get(hash) ?? new Set()).add(block))
  }
  remove(hash: number, block: number): void {
    const of = this.#blocks.get(hash)!
    of.delete(block)
    if (of.size === 0) this.#blocks.delete(hash)
  }
  of(hash: number): number[] {
    return [...(this.#blocks.get(hash) ?? [])].sort((a, b) => a - b)
  }
  entries(): [number, number][] {
    return [...this.#blocks].flatMap(([hash, of]) => [...of].map(block => [hash, block] as [number, number]))
  }
}

function blocksOf(table: Table, hash: number): number[] {
  const found: number[] = []
  for (let slot = table.first(hash); slot !== 0; slot = table.next(slot, hash)) found.push(table.block(slot))
  return found.sort((a, b) => a - b)
}

function same(table: Table, model: Model, hashes: Iterable<number>): void {
  for (const hash of hashes) assert.equal(blocksOf(table, hash), model.of(hash), `hash ${hash}`)
  const entries = model.entries()
  assert.is(table.live, entries.length)
  const walked = [...table.hashes()].flatMap(part => [...part]).sort((a, b) => a - b)
  assert.equal(
    walked,
    entries.map(([hash]) => hash).sort((a, b) => a - b),
  )
}

/** Few hashes, so that many entries have one; many; and ones that differ in their last bits alone. */
const hashes = fc.oneof(
  fc.constantFrom(0, 1, -1, 0x7fffffff, -0x80000000),
  fc.integer({ min: 1000, max: 1060 }),
  fc.integer(),
)
const change = fc.oneof(
  { weight: 3, arbitrary: fc.record({ isInsert: fc.constant(true), hash: hashes }) },
  { weight: 1, arbitrary: fc.record({ isInsert: fc.constant(false), hash: hashes }) },
)

test('any changes: what is found is what a naive table has', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 400, size: 'max' }), fc.boolean(), (changes, isEmptied) => {
      const slab = new Slab(1 << 14) // it moves, too
      const table = new Table(slab, ROOT, SMALL_PART)
      const model = new Model()
      const asked = new Set<number>()
      for (const { isInsert, hash } of changes) {
        asked.add(hash)
        const block = isInsert ? slab.allocate(8) : model.of(hash)[0]
        if (isInsert) {
          table.insert(hash, block!)
          model.insert(hash, block!)
        } else if (block !== undefined) {
          table.remove(hash, block)
          model.remove(hash, block)
        }
        slab.reclaim() // what was freed is written over
      }
      same(table, model, asked)
      if (!isEmptied) return
      for (const [hash, block] of model.entries()) {
        table.remove(hash, block)
        model.remove(hash, block)
        slab.reclaim()
      }
      same(table, model, asked)
    }),
    { numRuns: 200 },
  )
})

test('a walk meets every entry that stays, however the table changes meanwhile', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer(), { minLength: 50, maxLength: 300 }),
      fc.integer({ min: 1, max: 40 }),
      (all, each) => {
        const slab = new Slab(1 << 20)
        const table = new Table(slab, ROOT, SMALL_PART)
        const kept = new Map([...new Set(all)].map(hash => [hash, slab.allocate(8)]))
        for (const [hash, block] of kept) table.insert(hash, block)
        const met = new Set<number>()
        let next = 0
        for (const part of table.hashes()) {
          for (const hash of part) met.add(hash)
          for (let i = 0; i < each; i++) table.insert(Math.imul(++next, 0x2c1b3c6d), slab.allocate(8))
          slab.reclaim()
        }
        for (const hash of kept.keys()) assert.ok(met.has(hash), `${hash}`)
      },
    ),
    { numRuns: 100 },
  )
})

test('equal hashes without end, and ones that no number of first bits tells apart', () => {
  const slab = new Slab()
  const table = new Table(slab, ROOT, SMALL_PART)
  const model = new Model()
  for (let i = 0; i < 500; i++) {
    const block = slab.allocate(8)
    table.insert(7, block)
    model.insert(7, block)
  }
  same(table, model, [7, 8])
})

test(`${MANY} entries come and go: no change takes long, and what is freed is used again`, async () => {
  const slab = new Slab()
  let copied = 0
  const allocate = slab.allocate.bind(slab)
  slab.allocate = bytes => {
    copied = Math.max(copied, bytes)
    return allocate(bytes)
  }
  const table = new Table(slab, ROOT)
  const work = async (change: (hash: number, block: number) => void) => {
    for (let i = 1; i <= MANY; i++) {
      change(Math.imul(i, 0x85ebca6b), 4 * i)
      if (i % 100 === 0) await setImmediate()
    }
  }
  const growing = await longestTurnMs(() => work((hash, block) => table.insert(hash, block)))
  const shrinking = await longestTurnMs(() => work((hash, block) => table.remove(hash, block)))
  assert.ok(growing < MAX_TURN_MS, `${growing} ms`)
  assert.ok(shrinking < MAX_TURN_MS, `${shrinking} ms`)
  assert.ok(copied <= MAX_COPIED_BYTES, `${copied} octets`)
  assert.is(table.live, 0)
  let touched = 0
  for (let round = 0; round < 3; round++) {
    if (round < 2) touched = slab.touchedBytes
    await work((hash, block) => table.insert(hash, block))
    if (round < 2) await work((hash, block) => table.remove(hash, block))
    else assert.ok(slab.touchedBytes < touched * 1.1, `${touched} octets, then ${slab.touchedBytes}`)
  }
})

test('another thread finds what stays while parts are divided around it', async () => {
  const slab = new Slab()
  slab.readers = new Readers(slab, 0)
  const table = new Table(slab, ROOT, SMALL_PART)
  const stay = Array.from({ length: 200 }, (_, i) => Math.imul(i + 1, 0x85ebca6b))
  for (const [i, hash] of stay.entries()) table.insert(hash, 4 * (i + 1))
  slab.lock.changed()
  const { port1, port2 } = new MessageChannel()
  slab.readers.add(port1)
  const data: TableReaderData = { memory: slab.memory, lock: slab.lock.shared, root: ROOT, stay, port: port2 }
  const reader = new Worker(new URL('./table-reader.ts', import.meta.url), { workerData: data, transferList: [port2] })
  const verdict = new Promise<TableVerdict>((resolve, reject) => {
    reader.on('message', found => (found === 'here' ? undefined : resolve(found)))
    reader.on('error', reject)
  })
  await new Promise(resolve => reader.once('message', resolve))
  for (let round = 0; round < 40; round++) {
    const come = Array.from({ length: 1000 }, (_, i) => Math.imul(round * 1000 + i, 0x2c1b3c6d))
    for (const insert of [true, false]) {
      for (const [i, hash] of come.entries()) {
        if (insert) table.insert(hash, 4 * (i + 1))
        else table.remove(hash, 4 * (i + 1))
        slab.lock.changed()
        if (i % 50 === 0) await setImmediate()
      }
    }
  }
  reader.postMessage('stop')
  const { looks, faults } = await verdict
  assert.equal(faults, [])
  assert.ok(looks > 1000, `${looks} looks`)
  port1.close()
})

test.run()
