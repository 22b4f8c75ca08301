/** A zone that changes while it is sent: what stood all the time is in it, and each step is small. */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Answer, type Stage, type ZoneTransfer } from '../../../server/plugin.ts'
import * as reply from '../../../server/reply.ts'
import { EDE } from '../../../server/wire/codes.ts'
import { query } from '../../harness/message.ts'
import { wire } from '../../harness/stage.ts'
import { clusterOf, namespace, service, slice } from './cluster.ts'
import { clusterWith, LARGE, ZONE } from './transferred.ts'

test('what changes meanwhile: no service twice, none that went, the first serial, and another one afterwards', async () => {
  const { transfer, index, put, remove } = clusterWith({ objects: LARGE })
  let step = 0
  const { records } = await transfer(ZONE, () => {
    step++
    if (step === 1) {
      for (let i = 0; i < 3000; i += 2) remove(service(`s-${i}.prod`, []))
      index.slab.reclaim()
      for (let i = 0; i < 3000; i++) put(service(`new-${i}.prod`, ['10.97.0.1'], ['x:tcp:1', 'y:udp:2']))
    } else if (step % 3 === 0) remove(slice(`huge-${step}.prod`, 'huge', []))
  })
  assert.ok(step > 10)
  const soa = records.shift()!
  assert.is(records.pop(), soa)
  const services = records.filter(record => / A 10\.9[67]\./.test(record)).map(record => record.split('.')[0]!)
  assert.is(new Set(services).size, services.length)
  const kept = services.filter(name => name.startsWith('s-') && Number(name.slice(2)) % 2 === 1)
  assert.is(kept.length, 1500)
  assert.ok(services.length < 3000)
  assert.ok(index.serial > Number(soa.split(' ')[6]), `${index.serial} ${soa}`)
})

/** Slices of a hundred endpoints each of headless service `name`. */
function slicesOf(name: string, count: number, ports: readonly string[] = ['http:tcp:80']) {
  const addresses = (n: number) => Array.from({ length: 100 }, (_, i) => `10.${n >> 8}.${n & 255}.${i}`)
  return Array.from({ length: count }, (_, n) => slice(`${name}-${n}.prod`, name, addresses(n), ports))
}

test('a service that goes while it is sent takes nothing of the next ones with it', async () => {
  const slices = slicesOf('aa', 40)
  const others = [service('bb.prod', ['10.96.0.2'], ['http:tcp:80']), service('cc.prod', ['10.96.0.3'])]
  const { transfer, remove } = clusterWith({
    objects: [namespace('prod'), service('aa.prod', []), ...slices, ...others],
  })
  let isGone = false
  const { messages, records } = await transfer(ZONE, () => {
    if (isGone) return
    isGone = true
    for (const object of [service('aa.prod', []), ...slices]) remove(object)
  })
  assert.is(messages.length, 2)
  assert.is(records.filter(record => /^(.*\.)?bb\.prod/.test(record)).length, 3)
  assert.is(records.filter(record => record.startsWith('cc.prod')).length, 1)
})

interface State {
  /** By slice: addresses, each with a hostname or none. */
  readonly slices: Map<string, Map<string, string>>
  readonly services: Set<string>
}

const POOL = 900
const SLICES = 12
const SERVICES = 200

/** The names, types and targets of all that a state is answered with; weights change with the number of endpoints. */
function recordsOf({ slices, services }: State): Set<string> {
  const records = new Set<string>()
  for (const name of services) records.add(`${name}.prod A 10.96.0.1`)
  for (const endpoints of slices.values()) {
    for (const [address, hostname] of endpoints) {
      const target = `${hostname || address.replaceAll('.', '-')}.big.prod`
      records.add(`big.prod A ${address}`).add(`${target} A ${address}`)
      records.add(`big.prod SRV 80 ${target}`).add(`_http._tcp.big.prod SRV 80 ${target}`)
    }
  }
  return records
}

test('whatever changes between messages: what stood all the time is sent, once, and nothing that never stood', async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.nat(1 << 30)), fc.constantFrom(1, 3, 12), async (numbers, steps) => {
      const next = (below: number) => numbers.next().value! % below
      const addressOf = (i: number) => `10.0.${i >> 8}.${i & 255}`
      const hostnameOf = () => (next(3) === 0 ? `h-${next(150)}` : '')
      const state: State = { slices: new Map(), services: new Set() }
      for (let n = 0; n < SLICES; n++) state.slices.set(`big-${n}`, new Map())
      for (let i = 0; i < POOL; i++) state.slices.get(`big-${i % SLICES}`)!.set(addressOf(i), hostnameOf())
      for (let i = 0; i < SERVICES; i++) state.services.add(`s-${i}`)
      const sliceOf = (name: string) => {
        const endpoints = [...state.slices.get(name)!].map(([address, host]) => (host ? `${address}=${host}` : address))
        return slice(`${name}.prod`, 'big', endpoints, ['http:tcp:80'])
      }
      const { transfer, put, remove, index } = clusterWith({
        objects: [
          namespace('prod'),
          service('big.prod', []),
          ...[...state.slices.keys()].map(sliceOf),
          ...[...state.services].map(name => service(`${name}.prod`, ['10.96.0.1'])),
        ],
      })
      let stood = recordsOf(state)
      const ever = new Set(stood)
      const observe = () => {
        const now = recordsOf(state)
        stood = stood.intersection(now)
        for (const record of now) ever.add(record)
      }
      const change = () => {
        const name = `big-${next(SLICES)}`
        const endpoints = state.slices.get(name)!
        const names = [...endpoints.keys()]
        const some = names.length === 0 ? '' : names[next(names.length)]!
        switch (next(6)) {
          case 0: // another order, and others
            endpoints.delete(some)
            endpoints.set(addressOf(next(2 * POOL)), hostnameOf())
            return put(sliceOf(name))
          case 1: {
            // all of it moves to another slice: there first, then away
            const other = `big-${next(SLICES)}`
            if (other === name) return
            for (const [address, host] of endpoints) state.slices.get(other)!.set(address, host)
            put(sliceOf(other))
            observe()
            endpoints.clear()
            return remove(sliceOf(name))
          }
          case 2: // reversed
            state.slices.set(name, new Map([...endpoints].reverse()))
            return put(sliceOf(name))
          case 3: {
            const one = `s-${next(2 * SERVICES)}`
            if (!state.services.delete(one)) return
            return remove(service(`${one}.prod`, []))
          }
          case 4: {
            const one = `s-${next(2 * SERVICES)}`
            state.services.add(one)
            return put(service(`${one}.prod`, ['10.96.0.1']))
          }
          default: // the name stays, its address changes
            if (some === '' || endpoints.get(some) === '') return
            endpoints.set(addressOf(next(2 * POOL)), endpoints.get(some)!)
            endpoints.delete(some)
            return put(sliceOf(name))
        }
      }
      const { messages, records } = await transfer(ZONE, () => {
        for (let step = 0; step < steps; step++) {
          change()
          observe()
        }
        index.slab.reclaim()
      })
      assert.ok(messages.length > 5, `${messages.length} messages`)
      const sent = records
        .filter(record => record.includes('.prod.'))
        .map(record =>
          record
            .replaceAll('.svc.cluster.local.', '')
            .replace(/ \d+ IN/, '')
            .replace(/ SRV 0 \d+/, ' SRV'),
        )
      const sentOnce = new Set(sent)
      assert.equal([...stood.difference(sentOnce)], [])
      assert.equal([...sentOnce.difference(ever)], [])
      assert.is(sentOnce.size, sent.length)
    }),
    { numRuns: 25 },
  )
})

/** The zone as a transfer that nobody sends. */
async function zoneOf(objects: Parameters<typeof clusterOf>[0]): Promise<ZoneTransfer> {
  const { stage } = clusterOf(objects)
  let zone: ZoneTransfer | undefined
  const taker: Stage = {
    handle: q => {
      zone = stage.transfer(q)
      return reply.refused(q, EDE.OTHER)
    },
  }
  await wire([taker]).send(query(ZONE, { type: 'AXFR' }), true)
  await zone!.prepare()
  return zone!
}

/** How long each message took. */
function stepsMs(zone: ZoneTransfer, count = Number.POSITIVE_INFINITY): number[] {
  const a = new Answer()
  const steps: number[] = []
  for (let isMore = true; isMore && steps.length < count; ) {
    a.reset()
    const startMs = performance.now()
    isMore = zone.fill(a, 32_000)
    steps.push(performance.now() - startMs)
  }
  return steps
}

for (const { name, objects } of [
  {
    name: 'a service of 5,000 ports',
    objects: [
      service(
        'm.prod',
        ['10.96.0.1'],
        Array.from({ length: 5000 }, (_, i) => `p${i}:tcp:${i + 1}`),
      ),
    ],
  },
  { name: 'ten thousand endpoints', objects: [service('h.prod', []), ...slicesOf('h', 100)] },
  {
    name: 'ten thousand endpoints of one hostname',
    objects: [
      service('h.prod', []),
      ...Array.from({ length: 100 }, (_, n) =>
        slice(
          `h-${n}.prod`,
          'h',
          Array.from({ length: 100 }, (_, i) => `10.0.${n}.${i}=same`),
          ['http:tcp:80'],
        ),
      ),
    ],
  },
  {
    name: 'one address under a thousand hostnames',
    objects: [
      service('h.prod', []),
      slice(
        'h-1.prod',
        'h',
        Array.from({ length: 1000 }, (_, i) => `10.0.0.1=h-${i}`),
        ['http:tcp:80'],
      ),
    ],
  },
]) {
  test(`${name}: no message takes long`, async () => {
    const zone = () => zoneOf({ objects: [namespace('prod'), ...objects] })
    stepsMs(await zone())
    const steps = stepsMs(await zone()).sort((a, b) => a - b)
    assert.ok(steps.length > 1)
    assert.ok(steps.at(Math.floor(steps.length * 0.9))! < 10, `${steps.at(-1)} ms`)
  })
}

test('a transfer keeps the same memory, however large the service at hand', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const keptBytes = async (slices: number) => {
    const zone = await zoneOf({ objects: [namespace('prod'), service('h.prod', []), ...slicesOf('h', slices)] })
    const used = () => {
      collect()
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      return heapUsed + arrayBuffers
    }
    stepsMs(zone, 1)
    const before = used()
    const count = Math.floor(slices * 0.6)
    assert.is(stepsMs(zone, count).length, count) // by then most of it is sent, and the rest is to come
    const after = used()
    assert.is(zone.fill(new Answer(), 32_000), true)
    return after - before
  }
  await keptBytes(10)
  const bytes = await keptBytes(100)
  assert.ok(bytes < 500_000, `${bytes} octets`)
})

test.run()
