/** How addresses of one object are gathered: each with each label once, at a cost that follows their number. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Distinct } from '../../../../plugins/kubernetes/index/distinct.ts'
import { Draft } from '../../../../plugins/kubernetes/index/draft.ts'

interface Row {
  name: string
  /** `ADDRESS` or `ADDRESS=LABEL`. */
  add: readonly string[]
  is: readonly string[]
  repeats?: boolean
}

const rows: Row[] = [
  { name: 'an address twice', add: ['10.0.0.1', '10.0.0.2', '10.0.0.1'], is: ['10.0.0.1', '10.0.0.2'] },
  {
    name: 'under two labels',
    add: ['10.0.0.1=a', '10.0.0.2=a', '10.0.0.1=b'],
    is: ['10.0.0.1=a', '10.0.0.2=a', '10.0.0.1=b'],
    repeats: true,
  },
  {
    name: 'with a label and without',
    add: ['10.0.0.1=a', '10.0.0.1', '10.0.0.1=a', '10.0.0.1'],
    is: ['10.0.0.1=a', '10.0.0.1'],
    repeats: true,
  },
  {
    name: 'what came after the first repetition, once more',
    add: ['10.0.0.1', '10.0.0.1', '10.0.0.2=a', '10.0.0.2=a', '10.0.0.2=b', '10.0.0.2=b', '10.0.0.2=a'],
    is: ['10.0.0.1', '10.0.0.2=a', '10.0.0.2=b'],
    repeats: true,
  },
  { name: 'no address', add: ['x', '10.0.0.1', 'x'], is: ['10.0.0.1'] },
]

function gathered(draft: Draft): string[] {
  const octets = new Uint8Array(64)
  const words = new Int32Array(1024)
  const bytes = new Uint8Array(words.buffer)
  draft.writeSet(words, bytes, 0, 0)
  return Array.from({ length: draft.count4 }, (_, i) => {
    const label = Buffer.from(octets.subarray(1, Math.max(1, draft.writeLabel(octets, 0, i)))).toString()
    return `${bytes.subarray(12 + 4 * i, 16 + 4 * i).join('.')}${label === '' ? '' : `=${label}`}`
  })
}

const draft = new Draft()
for (const { name, add, is, repeats = false } of rows) {
  test(name, () => {
    draft.clear()
    for (const text of add) draft.add(text.split('=')[0]!, text.split('=')[1] ?? '')
    assert.equal(gathered(draft), is)
    assert.is(draft.repeats, repeats)
  })
}

for (const { name, label, kept } of [
  { name: 'under other labels', label: (i: number) => `host-${i}`, kept: 100_000 },
  { name: 'under the same', label: () => 'host', kept: 100 },
]) {
  test(`1,000 endpoints with the same 100 addresses ${name}`, () => {
    const addresses = Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`)
    const startMs = performance.now()
    draft.clear()
    for (let i = 0; i < 1000; i++) for (const address of addresses) draft.add(address, label(i))
    const tookMs = performance.now() - startMs
    assert.is(draft.count4, kept)
    // It takes some 50 ms.
    assert.ok(tookMs < 2000, `${Math.round(tookMs)} ms`)
  })
}

test('a set that was emptied holds no memory', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const distinct = new Distinct()
  const memory = (() => {
    const bytes = new Uint8Array(1 << 20)
    distinct.add(bytes, 0, 4)
    return new WeakRef(bytes)
  })()
  distinct.clear()
  await new Promise(resolve => setTimeout(resolve)) // a WeakRef holds what was looked at in this turn
  collect()
  assert.is(memory.deref(), undefined)
  assert.ok(distinct.add(new Uint8Array(4), 0, 4))
})

test.run()
