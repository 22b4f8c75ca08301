import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { draftEntry } from '../../../plugins/cache/entry.ts'
import { keyHash, Store } from '../../../plugins/cache/store.ts'
import { families } from '../../../server/metrics.ts'
import { QUESTION, Query } from '../../../server/plugin.ts'
import { TYPE } from '../../../server/wire/codes.ts'
import { readQuery } from '../../../server/wire/query.ts'
import { query } from '../../harness/message.ts'
import { ADDRESS, address, cached, count, stopTheClock } from './backend.ts'

stopTheClock()

test('hot names survive a flood of others; entries and evictions are counted', async () => {
  const { ask, backend } = cached('cache flood.test {\nsuccess 100\n}', address(3600))
  for (let i = 0; i < 20; i++) await ask(`hot${i}.flood.test`)
  let misses = 0
  for (let i = 0; i < 2000; i++) {
    await ask(`cold${i}.flood.test`)
    const before = backend.asked
    await ask(`hot${i % 20}.flood.test`)
    if (backend.asked > before) misses++
  }
  assert.ok(misses <= 100, `${misses} of 2,000 hot queries missed`)
  assert.is(count('coredns_cache_requests_total', 'dns://:53', 'flood.test.', ''), 4020)
  assert.is(count('coredns_cache_hits_total', 'dns://:53', 'success', 'flood.test.', ''), 2000 - misses)
  assert.is(count('coredns_cache_misses_total', 'dns://:53', 'flood.test.', ''), 2020 + misses)
  assert.is(count('coredns_cache_evictions_total', 'dns://:53', 'success', 'flood.test.', ''), 1920 + misses)
})

test('the gauge of entries is read at a scrape, and goes with its cache', async () => {
  const { ask, stages } = cached('cache gauge.test', address(300))
  stages[0]!.start!(undefined)
  await ask('a.gauge.test')
  await ask('b.gauge.test')
  families.get('coredns_cache_entries')!.refresh!()
  assert.is(count('coredns_cache_entries', 'dns://:53', 'success', 'gauge.test.', ''), 2)
  await stages[0]!.stop!()
  assert.not.ok(
    families.get('coredns_cache_entries')!.children.has(['dns://:53', 'success', 'gauge.test.', ''].join('\0')),
  )
})

test('the gauge of entries stays, in its place, when a reload puts another cache in the place of one', async () => {
  const { ask, stages } = cached('cache swap.test', address(300))
  const labels = ['dns://:53', 'success', 'swap.test.', ''] as const
  const refreshed = () => {
    families.get('coredns_cache_entries')!.refresh!()
    return families.get('coredns_cache_entries')!.children.get(labels.join('\0'))!.cell
  }
  stages[0]!.start!(undefined)
  await ask('a.swap.test')
  const before = refreshed()
  const next = cached('cache swap.test', address(300))
  next.stages[0]!.start!(stages[0])
  await stages[0]!.stop!()
  assert.is(refreshed(), before, 'cells are not given back')
  assert.is(count('coredns_cache_entries', ...labels), 1)
  await next.stages[0]!.stop!()
})

function asked(name: string): Query {
  const q = new Query()
  q.bytes = query(name)
  q.length = q.bytes.length
  readQuery(q)
  return q
}

test('finds what was put last and not removed, whatever the order of things', () => {
  const store = new Store(40)
  const names = Array.from({ length: 120 }, (_, i) => `n${i}.test`)
  /** TTL of what was put last. */
  const latest = new Map<string, number>()
  let seed = 7
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return (seed >>> 8) % below
  }
  for (let step = 0; step < 20_000; step++) {
    const name = names[random(names.length)]!
    const q = asked(name)
    // Few hashes for many names: long runs in the table, and names that share a hash.
    const hash = keyHash(q, 0) & 15
    const slot = store.find(q, hash, 0)
    if (slot >= 0) assert.is(store.load(slot, q).answer.ttl[0], latest.get(name))
    switch (random(4)) {
      case 0:
        if (slot >= 0) store.remove(slot)
        break
      case 1:
        if (slot >= 0) store.touch(slot)
        break
      default: {
        const ttls = Array.from({ length: 1 + random(12) }, () => 1 + random(1000)) // of one cell to several
        store.put(q, hash, 0, draftEntry(q, address(ttls[0]!, ...ttls.slice(1))(q))!, 0, 1000)
        latest.set(name, ttls[0]!)
        assert.equal(store.load(store.find(q, hash, 0), q).answer.ttl.slice(0, ttls.length), ttls)
      }
    }
    if (step % 500 !== 0) continue
    const found = names.filter(each => {
      const of = asked(each)
      return store.find(of, keyHash(of, 0) & 15, 0) >= 0
    })
    assert.is(found.length, store.count)
    assert.ok(store.count <= 40)
  }
  assert.ok(store.evictions > 0)
})

test('entries of all sizes at the bound of octets: what is found is whole, and the bound holds', () => {
  const store = new Store(60)
  const latest = new Map<string, number>()
  let seed = 3
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return (seed >>> 8) % below
  }
  for (let step = 0; step < 4000; step++) {
    const name = `n${random(100)}.test`
    const q = asked(name)
    const hash = keyHash(q, 0)
    const slot = store.find(q, hash, 0)
    if (slot >= 0) {
      const { answer } = store.load(slot, q)
      assert.is(answer.count, latest.get(name))
      assert.ok(answer.data.slice(0, answer.count).every((data, i) => data[answer.dataAt[i]!] === answer.count % 251))
      if (random(2) === 0) store.touch(slot)
      if (random(10) === 0) store.remove(slot)
      if (random(3) > 0) continue
    }
    const records = 1 + (random(2) === 0 ? random(10) : random(60))
    const a = q.answer.reset()
    for (let i = 0; i < records; i++) a.answer.add(QUESTION, 0, TYPE.TXT, 300, new Uint8Array(1000).fill(records % 251))
    store.put(q, hash, 0, draftEntry(q, a)!, step, 1000)
    latest.set(name, records)
    assert.ok(store.find(q, hash, 0) >= 0)
    assert.ok(store.bytes <= 1 << 20 && store.count <= 60)
  }
  assert.ok(store.evictions > 500, `${store.evictions}`)
})

test('large entries that nobody asks for leave all room to small ones', () => {
  const store = new Store(1500)
  const put = (name: string, records: number) => {
    const q = asked(name)
    const a = q.answer.reset()
    for (let j = 0; j < records; j++) a.answer.add(QUESTION, 0, TYPE.A, 300, ADDRESS)
    store.put(q, keyHash(q, 0), 0, draftEntry(q, a)!, 0, 1000)
  }
  for (let i = 0; i < 100; i++) put(`large${i}.test`, 3600)
  for (let i = 0; i < 4000; i++) put(`small${i}.test`, 46)
  assert.ok(store.bytes <= 1500 * 1024)
  assert.is(store.count, 1500)
  const found = Array.from({ length: 4000 }, (_, i) => asked(`small${i}.test`)).filter(
    q => store.find(q, keyHash(q, 0), 0) >= 0,
  )
  assert.is(found.length, 1500)
})

test('large entries are bounded by octets, not by their number', () => {
  const store = new Store(1000)
  for (let i = 0; i < 500; i++) {
    const q = asked(`n${i}.test`)
    const a = q.answer.reset()
    for (let j = 0; j < 60; j++) a.answer.add(QUESTION, 0, TYPE.TXT, 300, new Uint8Array(1000))
    store.put(q, keyHash(q, 0), 0, draftEntry(q, a)!, 0, 1000)
    assert.ok(store.bytes <= 1 << 20)
  }
  assert.ok(store.count >= 16 && store.count <= 17, `${store.count}`)
})

test.run()
