/** #56: public names that lead to addresses inside. */
import { equal, match } from 'node:assert/strict'
import { test } from 'uvu'
import { plugin as autopath } from '../../../plugins/autopath/autopath.ts'
import { plugin } from '../../../plugins/forward/forward.ts'
import { RebindingFilter } from '../../../plugins/forward/rebinding.ts'
import { QUESTION, Query, type Stage } from '../../../server/plugin.ts'
import * as reply from '../../../server/reply.ts'
import { lookup } from '../../../server/serve.ts'
import { TYPE } from '../../../server/wire/codes.ts'
import { nameFromText } from '../../../server/wire/name.ts'
import { askInstead, readQuery } from '../../../server/wire/query.ts'
import { answer, fakeUpstream, type Script } from '../../harness/fake-upstream.ts'
import { query, readReply, text } from '../../harness/message.ts'
import { temporaryFolder } from '../../harness/server.ts'
import { chainOf } from '../../harness/stage.ts'
import { withBlock } from './block.ts'

const says =
  (type: string, ...addresses: string[]): Script =>
  asked =>
    answer(
      asked,
      addresses.map(address => `${asked.name} 60 ${type} ${address}`),
    )

const rows = [
  { name: 'A', type: 'A', inside: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.3.4', '127.0.0.1', '0.0.0.0'] },
  { name: 'link-local, shared', type: 'A', inside: ['169.254.169.254', '100.64.0.1', '100.127.255.255'] },
  { name: 'A outside', type: 'A', outside: ['192.0.2.1', '172.15.0.1', '172.32.0.1', '100.128.0.1', '11.0.0.1'] },
  { name: 'AAAA', type: 'AAAA', inside: ['fd00::1', 'fc00::1', 'fe80::1', 'febf::1', '::1', '::', '::ffff:10.0.0.1'] },
  { name: 'AAAA outside', type: 'AAAA', outside: ['2001:db8::1', 'fec0::1', '::ffff:192.0.2.1'] },
]
for (const { name, type, inside = [], outside = [] } of rows) {
  test(`block_private: ${name}`, () =>
    withBlock([says(type, ...inside, ...outside)], 'forward . %1 {\nblock_private\n}', async ({ send }) => {
      const found = readReply(await send(query('www.example', { type, edns: 1232 }), true))
      equal(found.answers!.length, outside.length)
      const opt = found.additionals![0] as unknown as { options: { code: number; data: Buffer }[] }
      equal(opt.options[0]?.data.readUInt16BE(0), inside.length > 0 ? 15 : undefined)
    }))
}

test('what is outside stays, in its order', () =>
  withBlock(
    [says('A', '192.0.2.3', '10.0.0.1', '192.0.2.1', '192.168.0.1', '192.0.2.2')],
    'forward . %1 {\nblock_private\n}',
    async ({ ask }) =>
      equal(
        await ask('www.example'),
        text`
          NOERROR rd ra
          ;; ANSWER
          www.example. 60 IN A 192.0.2.3
          www.example. 60 IN A 192.0.2.1
          www.example. 60 IN A 192.0.2.2`,
      ),
  ))

for (const { name, block, ask, kept } of [
  { name: 'off by default', block: '', ask: 'www.example', kept: 1 },
  { name: 'a zone that may', block: 'block_private corp.example lan', ask: 'www.corp.example', kept: 1 },
  { name: 'beside it', block: 'block_private corp.example lan', ask: 'www.example', kept: 0 },
]) {
  test(`block_private: ${name}`, () =>
    withBlock([says('A', '10.0.0.1')], `forward . %1 {\n${block}\n}`, async ({ send }) =>
      equal(readReply(await send(query(ask))).answers!.length, kept),
    ))
}

test('block_private: what the server looks up for an ExternalName is exempt', () => {
  const external: Stage = {
    handle: async q => {
      const inner = await lookup(q, nameFromText('www.inner'), 1)
      return reply.empty(q, inner.answer.count === 1 ? 0 : 3)
    },
  }
  return withBlock(
    [says('A', '10.0.0.1')],
    'forward inner %1 {\nblock_private\n}',
    async ({ ask }) => equal(await ask('www.example'), 'NOERROR rd ra'),
    [external],
  )
})

test('block_private: what is kept of such a look-up is for no client, and the other way round', () => {
  const external: Stage = {
    // As many addresses as its target has, in the octet of its own.
    handle: async q => {
      const { count } = (await lookup(q, nameFromText('www.inner'), TYPE.A)).answer
      const a = q.answer.reset()
      a.answer.add(QUESTION, 0, TYPE.A, 0, Uint8Array.of(192, 0, 2, count))
      return a
    },
  }
  return withBlock(
    [says('A', '10.0.0.1', '192.0.2.1')],
    'cache\nforward inner %1 {\nblock_private\n}',
    async ({ ask, upstreams }) => {
      for (let i = 0; i < 2; i++) {
        match(await ask('www.example'), / 192\.0\.2\.2$/)
        equal(await ask('www.inner'), 'NOERROR rd ra\n;; ANSWER\nwww.inner. 60 IN A 192.0.2.1')
      }
      equal(upstreams[0]!.asked.length, 2)
    },
    [external],
  )
})

test('block_private: a name that autopath completes is in the words of a client', () => {
  const client = new Query()
  client.bytes = query('www.example.search')
  client.length = client.bytes.length
  readQuery(client)
  const q = new Query()
  equal(askInstead(q, client, 1, nameFromText('example')), true)
  q.answer.answer.add(QUESTION, 0, TYPE.A, 60, Uint8Array.of(10, 0, 0, 1))
  new RebindingFilter([]).apply(q, q.answer)
  equal(q.answer.answer.count, 0)
})

test('block_private: what is looked up along a search path is what a client asks', async () => {
  const folder = temporaryFolder()
  folder.write('resolv.conf', 'nameserver 192.0.2.1\nsearch ns.svc.cluster.local\n')
  const inside = says('A', '10.0.0.1')
  const upstream = await fakeUpstream(asked =>
    asked.name === 'www.evil.example.' ? inside(asked) : answer(asked, [], { rcode: 'NXDOMAIN' }),
  )
  const body = `autopath ${folder.path}/resolv.conf\nforward . ${upstream.address} {\nblock_private\n}`
  const chain = chainOf([autopath, plugin], body)
  const found = readReply(await chain.send(query('www.evil.example.ns.svc.cluster.local')))
  equal(found.answers!.filter(one => one.type === 'A').length, 0)
  for (const stage of chain.stages) await stage.stop?.()
  await upstream.close()
  folder.remove()
})

test.run()
