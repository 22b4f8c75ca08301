/** RFC 2308, Negative Caching of DNS Queries: what denies, with which SOA, and how long that is kept. */
import { equal } from 'node:assert/strict'
import { suite } from 'uvu'
import { answer } from '../harness/fake-upstream.ts'
import { text } from '../harness/message.ts'
import { makeTheClockMovable, skip } from '../harness/time-travel.ts'
import { Z } from './message.ts'
import { asked, probe, type Row } from './probe.ts'
import { NODATA, NXDOMAIN, SOA } from './replies.ts'

makeTheClockMovable()
const test = suite('RFC 2308')

const rows: Row[] = [
  {
    id: 'E15',
    level: 'M',
    source: 'RFC 2308 §3',
    what: "a missing service is NXDOMAIN with the zone's SOA, whose TTL is the lesser of its own and MINIMUM",
    ask: { name: `missing.default.svc.${Z}` },
    is: NXDOMAIN,
  },
  {
    id: 'E15',
    level: 'M',
    source: 'RFC 2308 §3',
    what: 'a missing type is NODATA with the same SOA',
    ask: { type: 'MX' },
    is: NODATA,
  },
  {
    id: 'E15',
    level: 'M',
    source: 'RFC 2308 §3',
    what: 'the reverse name of no service is NXDOMAIN with the SOA of the reverse zone',
    ask: { name: '1.2.0.192.in-addr.arpa', type: 'PTR' },
    is: NXDOMAIN.replace(SOA, SOA.replaceAll(Z, 'in-addr.arpa')),
  },
]
const made = probe(test, rows, {
  cache: 'cache 3600',
  script(one) {
    const soa = 'up.test. 600 SOA ns.up.test. hostmaster.up.test. 1 7200 900 1209600 60'
    if (one.name.startsWith('bare')) return answer(one, [], { rcode: 'NXDOMAIN' })
    if (one.name.startsWith('nodata')) return answer(one, [], { authority: [soa] })
    return answer(one, [], { rcode: 'NXDOMAIN', authority: [soa] })
  },
})

/** How many queries reach the upstream for `name`, asked once, and again after so many seconds each. */
async function upstreamQueries(name: string, ...afterS: number[]): Promise<number> {
  const { world } = made
  const before = world.upstream.asked.length
  await asked(world, { name })
  for (const seconds of afterS) {
    skip(seconds)
    await asked(world, { name })
  }
  return world.upstream.asked.length - before
}

test('I4 S RFC 2308 §5: a denial without SOA is not kept', async () => {
  equal(await upstreamQueries('bare.up.test', 0), 2)
})

for (const name of ['gone.up.test', 'nodata.up.test']) {
  test(`RFC 2308 §5: a denial is kept for the lesser of MINIMUM and the SOA's TTL: ${name}`, async () => {
    equal(await upstreamQueries(name, 50), 1)
    equal(await upstreamQueries(name, 0), 1 - 1)
    skip(15)
    equal(await upstreamQueries(name), 1)
  })
}

test('RFC 2308 §5: the TTL of a denial counts down', async () => {
  await asked(made.world, { name: 'down.up.test' })
  skip(20)
  equal(
    (await asked(made.world, { name: 'down.up.test' })).replace(/test\. (39|40) IN/, 'test. 40 IN'),
    text`NXDOMAIN rd ra
    ;; AUTHORITY
    up.test. 40 IN SOA ns.up.test. hostmaster.up.test. SERIAL 7200 900 1209600 60`,
  )
})

test.run()
