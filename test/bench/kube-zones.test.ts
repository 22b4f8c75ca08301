/** Knot is asked the kube mix: its zones must hold what the mix wants, and nothing where it wants nothing. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { services } from '../../bench/cluster/objects.ts'
import { kubeMix } from '../../bench/mix.ts'
import { kubeZones } from '../../bench/peers/kube-zones.ts'

const test = suite('bench/peers/kube-zones')

const SIZE = { namespaces: 20, services: 100 }
const zones = kubeZones(services(SIZE))

/** Data by owner and type, owners absolute and without the last dot; SRV data is its target. */
const records = new Map<string, string[]>()
const owners = new Set<string>()
for (const [zone, text] of Object.entries(zones)) {
  for (const line of text.split('\n')) {
    const [owner, type, ...data] = line.split(' ')
    if (owner === '' || owner === '$TTL' || type === undefined) continue
    const name = owner === '@' ? zone : `${owner}.${zone}`
    const target = data.at(-1)!
    const whole =
      type !== 'SRV' && type !== 'PTR' ? target : target.endsWith('.') ? target.slice(0, -1) : `${target}.${zone}`
    records.set(`${name} ${type}`, [...(records.get(`${name} ${type}`) ?? []), whole])
    for (let at = name; at !== ''; at = at.includes('.') ? at.slice(at.indexOf('.') + 1) : '') owners.add(at)
  }
}

test('every question of the mix has its answer in the zones', () => {
  const questions = kubeMix(services(SIZE), 5_000)
  for (const { name, type, rcode, holds, answers } of questions) {
    const found = records.get(`${name} ${type}`) ?? []
    assert.is(owners.has(name) ? 'NOERROR' : 'NXDOMAIN', rcode, name)
    assert.is(found.length, answers, `${name} ${type}`)
    if (holds !== undefined) assert.ok(found.includes(holds), `${name} ${type} holds ${found}, expected ${holds}`)
  }
})

test('the zones are those of the cluster and of its addresses', () => {
  assert.equal(Object.keys(zones), ['cluster.local', '10.in-addr.arpa'])
})

test.run()
