/** The table against a naive one, of any lines. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../../plugins/hosts/hosts.ts'
import { query, readReply } from '../../harness/message.ts'
import { chainOf } from '../../harness/stage.ts'

const ADDRESSES = ['192.0.2.1', '192.0.2.2', '10.0.0.1', '2001:db8::1']
const NAMES = ['a.org', 'b.org', 'c.a.org', 'd.c.a.org', 'org', '*.b.org', '*.a.org', 'x.net']
const ASKED = [...NAMES.filter(name => !name.startsWith('*')), 'any.b.org', 'c.b.org', 'nope.net']
const REVERSE = new Map([
  ['192.0.2.1', '1.2.0.192.in-addr.arpa'],
  ['192.0.2.2', '2.2.0.192.in-addr.arpa'],
  ['10.0.0.1', '1.0.0.10.in-addr.arpa'],
  ['2001:db8::1', '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa'],
])

interface Line {
  readonly address: string
  readonly names: readonly string[]
}
const lines: fc.Arbitrary<Line[]> = fc.array(
  fc.record({
    address: fc.constantFrom(...ADDRESSES),
    names: fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 4 }),
  }),
  { maxLength: 12 },
)

/** What lines say of a name, in their order. */
function addressesOf(all: readonly Line[], name: string, type: string): string[] {
  const has = (wanted: string) =>
    all
      .filter(({ address, names }) => names.includes(wanted) && address.includes(':') === (type === 'AAAA'))
      .map(({ address }) => address)
  const own = [...new Set(has(name))]
  return own.length > 0 ? own : [...new Set(has(`*.${name.split('.').slice(1).join('.')}`))]
}

function namesOf(all: readonly Line[], address: string): string[] {
  const names = all.filter(line => line.address === address).flatMap(line => line.names)
  return [...new Set(names)].filter(name => !name.startsWith('*'))
}

/** Whether there is the name, or one below it. */
function exists(all: readonly Line[], name: string): boolean {
  const names = all.flatMap(line => line.names)
  const above = `*.${name.split('.').slice(1).join('.')}`
  return names.some(known => known === name || known.endsWith(`.${name}`) || known === above)
}

test('any lines: the answers are those of a naive reading', async () => {
  await fc.assert(
    fc.asyncProperty(lines, async all => {
      const inline = all.map(({ address, names }) => `${address} ${names.join(' ')}`).join('\n')
      const { send } = chainOf([plugin], `hosts missing org net {\n${inline}\n}`)
      const ask = async (name: string, type: string) => readReply(await send(query(name, { type })))
      for (const name of ASKED) {
        for (const type of ['A', 'AAAA']) {
          const reply = await ask(name, type)
          const found = (reply.answers ?? []).map(answer => ('data' in answer ? answer.data : undefined))
          assert.equal(found, addressesOf(all, name, type), `${name} ${type} of ${inline}`)
          const isDenied = (reply as { rcode?: string }).rcode === 'NXDOMAIN'
          assert.is(isDenied, !exists(all, name) && name !== 'org', `${name} ${type} of ${inline}`)
        }
      }
      for (const [address, name] of REVERSE) {
        const found = ((await ask(name, 'PTR')).answers ?? []).map(answer =>
          'data' in answer ? answer.data : undefined,
        )
        assert.equal(found, namesOf(all, address), `${name} of ${inline}`)
      }
    }),
    { numRuns: 200 },
  )
})

test.run()
