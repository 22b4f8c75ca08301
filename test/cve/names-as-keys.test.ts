/**
 * A class of its own in JavaScript: names of strangers as keys of objects. `__proto__`, `constructor` and their like then
 * are found where nobody put them, or change what all objects have.
 *
 * Shown here: such names are names like any other for `cache`, `forward` and `loop`: asked for once, kept, told apart, and
 * no object is any different afterwards. Tables are Maps and flat arrays (plugins/cache/store.ts, plugins/loop/loop.ts).
 */
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'uvu'
import { plugin as cache } from '../../plugins/cache/cache.ts'
import { plugin as forward } from '../../plugins/forward/forward.ts'
import { plugin as loop } from '../../plugins/loop/loop.ts'
import { answer, fakeUpstream } from '../harness/fake-upstream.ts'
import { chainOf } from '../harness/stage.ts'

const NAMES = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', '__defineGetter__', 'then'],
  ...['constructor.prototype', '__proto__.__proto__', 'polluted.__proto__', '0', 'length', 'NaN', 'undefined', 'null'],
]

test('names that objects have anyway', async () => {
  const members = Object.getOwnPropertyNames(Object.prototype).join()
  let asked = 0
  const upstream = await fakeUpstream(query =>
    answer(query, query.type === 'TXT' ? [`${query.name} 60 TXT ${++asked}`] : []),
  )
  const chain = chainOf([loop, cache, forward], `loop\ncache\nforward . ${upstream.address}`)
  const awake = setInterval(() => {}, 1 << 30)
  try {
    for (const stage of chain.stages) stage.serving?.()
    const first: string[] = []
    for (const name of NAMES) first.push(await chain.ask(name, { type: 'TXT' }))
    equal(new Set(first).size, NAMES.length)
    const again: string[] = []
    for (const name of NAMES) again.push(await chain.ask(name, { type: 'TXT' }))
    deepEqual(again, first)
    equal(asked, NAMES.length, 'the others came from the cache')
    for (const name of NAMES) equal(await chain.ask(name, { type: 'HINFO' }), 'NOERROR rd ra', 'no name of the loop')
    equal(Object.getOwnPropertyNames(Object.prototype).join(), members)
    deepEqual(Object.keys({}), [])
  } finally {
    clearInterval(awake)
    for (const stage of chain.stages) await stage.stop?.()
    await upstream.close()
  }
})

test.run()
