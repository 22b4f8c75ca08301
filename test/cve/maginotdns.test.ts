/**
 * MaginotDNS (BIND CVE-2021-25220, Knot Resolver CVE-2022-32983, Technitium CVE-2021-43105): a server that was asked for
 * the names of one zone only could put records of all others into the cache.
 *
 * Shown here: an upstream that `forward` has for one zone says what it likes about others, and changes nothing for them.
 * A question goes to the upstream of its own zone; nothing that another one said answers it.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'uvu'
import { answer, fakeUpstream, type Script } from '../harness/fake-upstream.ts'
import { startServer } from '../harness/server.ts'
import { withBlock } from '../plugins/forward/block.ts'

const OTHERS = ['www.b.test', 'b.test', 'test', 'www.victim.example', 'a.test.victim.example']
const poison = OTHERS.flatMap(name => [`${name}. 3600 A 6.6.6.6`, `${name}. 3600 NS ns.a.test.`])

/** Answers about its own zone, and brings what it knows of all others. */
const hostile: Script = asked =>
  answer(asked, [`${asked.name} 60 CNAME www.b.test.`, 'www.b.test. 3600 A 6.6.6.6', ...poison], {
    authority: poison.filter(record => record.includes(' NS ')),
    additional: [...poison, 'ns.a.test. 3600 A 6.6.6.6'],
  })
const honest: Script = asked => answer(asked, [`${asked.name} 60 A 192.0.2.1`])

async function othersAreSound(ask: (name: string) => Promise<string>): Promise<void> {
  for (const name of OTHERS) equal(await ask(name), `NOERROR rd ra\n;; ANSWER\n${name}. 60 IN A 192.0.2.1`)
}

test('two lines of forward in one block, which share a cache', () =>
  withBlock([hostile, honest], 'cache\nforward a.test %1\nforward . %2', async ({ ask, upstreams }) => {
    for (const name of ['a.test', 'www.a.test', 'x.y.a.test']) await ask(name)
    await othersAreSound(ask)
    deepEqual(
      upstreams[1]!.asked.map(one => one.name),
      OTHERS.map(name => `${name}.`),
    )
  }))

test('two blocks of one server', async () => {
  const [first, second] = await Promise.all([fakeUpstream(hostile), fakeUpstream(honest)])
  const server = await startServer(`
    a.test {
      bind 127.0.0.1
      cache
      forward . ${first.address}
    }
    . {
      bind 127.0.0.1
      cache
      forward . ${second.address}
    }
  `)
  try {
    for (const name of ['a.test', 'www.a.test']) await server.ask(name)
    await othersAreSound(name => server.ask(name))
    equal(first.asked.length, 2)
  } finally {
    await server.stop()
    await first.close()
    await second.close()
  }
})

test('a reply of the one upstream to the question that the other one was asked is no reply', () =>
  withBlock(
    // The first knows the question, not the id or the socket: what it sends goes to a socket that waits for something else.
    [
      asked => [answer(asked, ['www.b.test. 60 A 6.6.6.6'], { question: 'www.b.test' }), hostile(asked) as Uint8Array],
      asked => [{ send: honest(asked) as Uint8Array, afterMs: 50 }],
    ],
    'cache\nforward a.test %1\nforward . %2',
    async ({ ask }) => {
      const [found] = await Promise.all([ask('www.b.test'), ask('a.test'), ask('c.a.test')])
      equal(found, 'NOERROR rd ra\n;; ANSWER\nwww.b.test. 60 IN A 192.0.2.1')
    },
  ))

test.run()
