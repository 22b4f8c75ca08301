/** The fuzzer itself: that it finds what is there to be found, the same in each run, and that steps are counted where they are made. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Random } from '../parity/random.ts'
import { readCorpus, readSeeds, writeCorpus } from './corpus.ts'
import { fuzz } from './engine.ts'
import { counted, withCounters } from './instrument.ts'
import { Mutator } from './mutate.ts'
import { Broken, type Target, textSeed, textWords } from './target.ts'

const OPTIONS = { inputs: 20_000, seconds: 60, seed: 1, minimize: false }

/** A module with counters in it. */
const counting = (code: string) => import(`data:text/javascript,${encodeURIComponent(withCounters(code))}`)

const CODE = `
export const plain = n => { let sum = 0; for (let i = 0; i < n; i++) sum += i; return sum }
export const square = n => { let sum = 0; for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) sum++; return sum }
export const odd = n => n === 0 ? { a: () => 1 }.a() : n > 1 && n < 3 ? (x => ({ x }))(n) : n === 5 || n
export function* many(n) { do yield n; while (--n > 0) }
export class Base { constructor() { this.a = 1 } }
export class Child extends Base { constructor() { super(); if (this.a) this.b = 2; else this.b = 3 } get c() { return this.b } }
export function choose(n) { switch (n) { case 1: return 'one'
  case 2: { return 'two' } default: if (n > 9) return 'many'; else return 'some' } }
export async function later(n) { for await (const one of many(n)) n += one; return n }
for (const key in { a: 1 }) while (false) ;
`

test('counters change nothing but the count: a step for each function and each turn of a loop', async () => {
  const plainly = await import(`data:text/javascript,${encodeURIComponent(CODE)}`)
  const { plain, square, odd, many, Child, choose, later } = await counting(CODE)
  for (const [n, steps] of [
    [0, 1],
    [7, 8],
    [1000, 1001],
  ]) {
    const before = counted.steps
    assert.is(plain(n), plainly.plain(n))
    assert.is(counted.steps - before, steps)
  }
  const before = counted.steps
  square(20)
  assert.is(counted.steps - before, 1 + 20 + 400)
  for (const n of [0, 1, 2, 5, 9]) assert.equal(odd(n), plainly.odd(n))
  for (const n of [1, 2, 3, 10]) assert.is(choose(n), plainly.choose(n))
  assert.equal([...many(3)], [3, 2, 1])
  assert.is(new Child().c, 2)
  assert.is(await later(3), await plainly.later(3))
})

test('a place counts as reached once', async () => {
  const { choose } = await counting(CODE)
  choose(1)
  const once = counted.places
  choose(1)
  assert.is(counted.places, once)
  choose(2)
  assert.is(counted.places, once + 1)
})

test('the same seed, the same inputs; another one, others', () => {
  const inputs = (seed: number) => {
    const mutator = new Mutator(new Random(seed), textWords('word'), 64)
    const input = Buffer.from('an input of some length')
    return Array.from({ length: 500 }, () => Buffer.from(mutator.mutate(input, input)).toString('hex'))
  }
  assert.equal(inputs(1), inputs(1))
  assert.ok(new Set(inputs(1)).size > 400)
  assert.not.equal(inputs(1), inputs(2))
  assert.ok(inputs(3).every(hex => hex.length <= 128))
})

const base: Target = {
  name: 'test',
  isText: true,
  bound: { base: 100, perOctet: 10 },
  maxBytes: 200,
  words: textWords('AB', 'C'),
  seeds: [textSeed('one', 'some text that is long enough to be made shorter'), textSeed('two', 'and another one')],
  run: () => ({ kind: '' }),
}

test('an exception deep within is found step by step, and its input made as short as can be', async () => {
  const code = `export function read(t) { if (t.includes('A')) if (t.includes('AB')) if (t.includes('ABC')) throw new TypeError('deep') }`
  const { read } = await counting(code)
  const target: Target = {
    ...base,
    run(octets) {
      read(Buffer.from(octets).toString('latin1'))
      return { kind: '' }
    },
  }
  const { failures, kept } = await fuzz(target, [], OPTIONS)
  assert.is(failures.length, 1)
  assert.is(Buffer.from(failures[0]!.octets).toString(), 'ABC')
  assert.match(failures[0]!.what, /TypeError: deep/)
  assert.ok(kept.length >= 1)
})

test('work that is not linear is found, and such that is linear passes', async () => {
  const { plain, square } = await counting(CODE)
  const of = (work: (n: number) => number): Target => ({
    ...base,
    run(octets) {
      work(octets.length)
      return { kind: '' }
    },
  })
  const linear = await fuzz(of(plain), [], OPTIONS)
  assert.equal(linear.failures, [])
  assert.ok(linear.mostSteps > 100 && linear.mostOfBound < 1)
  const { failures } = await fuzz(of(square), [], OPTIONS)
  assert.match(failures[0]!.what, /not linear/)
})

test('what breaks after its call was over is found with its input', async () => {
  let last: Uint8Array | undefined
  const target: Target = {
    ...base,
    settleEvery: 8,
    run(octets) {
      if (Buffer.from(octets).includes('C')) last = octets
      return { kind: '' }
    },
    async settle() {
      const input = last
      last = undefined
      if (input !== undefined) throw new Broken('a letter', input)
      return { inputs: 8, octets: 0 }
    },
  }
  const { failures } = await fuzz(target, [], OPTIONS)
  assert.is(failures.length, 1)
  assert.ok(Buffer.from(failures[0]!.octets).includes('C'))
})

test('memory that is held on to is found', async () => {
  const held: Buffer[] = []
  const target: Target = {
    ...base,
    run() {
      held.push(Buffer.alloc(8192, 1))
      return { kind: '' }
    },
  }
  const { failures, heldBytes } = await fuzz(target, [], OPTIONS)
  assert.ok(heldBytes > 100 << 20)
  assert.match(failures[0]!.what, /memory grew/)
  held.length = 0
})

test('a corpus is read as it was written; a line that is none has its text in the error', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sextant-corpus-'))
  try {
    for (const isText of [true, false]) {
      const about = { name: `t${isText}`, isText }
      const seeds = [textSeed('a', 'x "\n{\u2028'), textSeed('b', '')]
      writeCorpus(about, 'one.txt', ['why'], seeds, folder)
      assert.equal(
        readCorpus(about, folder).map(({ label, octets }) => [label, Buffer.from(octets).toString()]),
        seeds.map(({ label, octets }) => [label, Buffer.from(octets).toString()]),
      )
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
  assert.throws(() => readSeeds('label', false), /found "label"/)
  assert.throws(() => readSeeds('label xyz', false), /expected hexadecimal/)
})

test.run()
