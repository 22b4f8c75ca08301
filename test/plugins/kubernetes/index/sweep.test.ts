/** The end of a list, and what a snapshot brought in vain: many objects go, between queries. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Index } from '../../../../plugins/kubernetes/index/index.ts'
import { KINDS, type Kind, type SlimObject } from '../../../../plugins/kubernetes/object/object.ts'
import { WorkSlices } from '../../../../server/work-slices.ts'

const COUNT = 3_000
/** One object a turn. */
const slices = new WorkSlices(0)

const turn = () => new Promise(resolve => setImmediate(resolve))

function objectOf(kind: Kind, i: number): SlimObject {
  const name = `o-${i}`
  const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
  switch (kind) {
    case 'service':
      return { kind, namespace: 'a', name, headless: false, externalName: undefined, ports: [], clusterIPs: [address] }
    case 'endpointslice':
      return {
        kind,
        namespace: 'a',
        name,
        service: `s-${i % 7}`,
        endpoints: [{ addresses: [address], hostname: '', podName: '' }],
        ports: [],
        lastChangeTriggerMs: 0,
      }
    case 'pod':
      return { kind, namespace: 'a', name, ips: [address], hostNetwork: false }
    case 'namespace':
      return { kind, name }
  }
}

function has(index: Index, kind: Kind, i: number): boolean {
  const name = `o-${i}`
  if (kind === 'pod') return index.pods.named('a', name) !== 0
  if (kind === 'endpointslice') return index.slices.named('a', name) !== 0
  if (kind === 'namespace') return index.namespaces.named(name) !== 0
  return index.services.named('a', name) !== 0
}

function known(index: Index, kind: Kind): number {
  let count = 0
  for (let i = 0; i < COUNT; i++) if (has(index, kind, i)) count++
  return count
}

function filled(kind: Kind, count = COUNT): Index {
  const index = new Index()
  for (let i = 0; i < count; i++) index.put(kind, objectOf(kind, i))
  return index
}

/** The most changes of a turn until `work` is done. */
async function mostAtOnce(index: Index, work: Promise<unknown>): Promise<number> {
  let isDone = false
  void work.then(() => {
    isDone = true
  })
  let most = 0
  for (let before = index.changes; !isDone; before = index.changes) {
    await turn()
    most = Math.max(most, index.changes - before)
  }
  return most
}

for (const kind of KINDS) {
  test(`${kind}: what a list did not bring goes one by one where time is short`, async () => {
    const index = filled(kind)
    const token = index.beginList(kind)
    for (let i = 0; i < COUNT; i += 3) index.put(kind, objectOf(kind, i))
    const ending = index.endList(kind, token, slices)
    assert.ok((await mostAtOnce(index, ending)) <= 2)
    assert.is(await ending, COUNT - COUNT / 3)
    for (let i = 0; i < COUNT; i++) assert.is(has(index, kind, i), i % 3 === 0, `${i}`)
  })

  test(`${kind}: what comes, changes and goes meanwhile, another list among it`, async () => {
    const index = filled(kind)
    const first = index.endList(kind, index.beginList(kind), slices)
    for (let i = 0; i < 500; i++) await turn()
    const left = known(index, kind)
    assert.ok(left > COUNT - 520 && left < COUNT - 400, `${left} are left`)
    // More than the table holds, so that all in it change their places; blocks are used again.
    for (let i = 0; i < COUNT; i++) index.put(kind, objectOf(kind, COUNT + i))
    for (let i = 0; i < 100; i++) index.delete(kind, kind === 'namespace' ? '' : 'a', `o-${COUNT - 1 - i}`)
    for (let i = 0; i < 100; i++) index.put(kind, objectOf(kind, i))
    for (let i = 0; i < 20; i++) await turn()
    const token = index.beginList(kind)
    const before = known(index, kind)
    await first
    assert.is(known(index, kind), before, 'overtaken')
    for (let i = 0; i < 50; i++) index.put(kind, objectOf(kind, i))
    for (let i = 0; i < 50; i++) index.put(kind, objectOf(kind, COUNT + i))
    const second = index.endList(kind, token, slices)
    for (let i = 0; i < 500; i++) await turn()
    index.put(kind, objectOf(kind, 70))
    for (let i = 0; i < 3 * COUNT; i++) index.put(kind, objectOf(kind, 9 * COUNT + i))
    await second
    for (let i = 0; i < 2 * COUNT; i++) assert.is(has(index, kind, i), i % COUNT < 50 || i === 70, `${i}`)
    for (let i = 0; i < 3 * COUNT; i++) assert.ok(has(index, kind, 9 * COUNT + i), `${i}`)
  })

  test(`${kind}: what was restored in vain goes one by one, and is out of date until then`, async () => {
    const index = new Index()
    index.beginRestore(kind)
    const { staleKinds } = index
    for (let i = 0; i < COUNT; i++) index.restore(objectOf(kind, i))
    for (let i = 0; i < 100; i++) index.put(kind, objectOf(kind, i))
    const forgetting = index.forgetRestored(slices)
    for (let i = 0; i < 500; i++) await turn()
    assert.ok(known(index, kind) > 100)
    assert.is(index.staleKinds, staleKinds)
    index.restore(objectOf(kind, COUNT + 1))
    assert.ok((await mostAtOnce(index, forgetting)) <= 2)
    assert.is(index.staleKinds, 0)
    assert.is(known(index, kind), 100)
    assert.is(has(index, kind, COUNT + 1), false)
  })
}

test('a reader sees each pod until it is gone, and no longer', async () => {
  const index = filled('pod')
  const namespace = index.namespaces.named('a')
  const ending = index.endList('pod', index.beginList('pod'), slices)
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 50; i++) await turn()
    for (let i = 0; i < COUNT; i++) {
      const isAnswered = index.pods.has(namespace, Uint8Array.of(10, 0, i >> 8, i & 255), 0, 4)
      assert.is(isAnswered, has(index, 'pod', i), `${i}`)
    }
  }
  await ending
  assert.is(index.pods.table.live, 0)
})

test.run()
