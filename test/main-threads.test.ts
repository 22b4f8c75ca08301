/** The process with `multisocket`, as it is shipped: signals, one exposition, loops. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from './harness/free-port.ts'
import { query, readReply, replyText } from './harness/message.ts'
import { END_MS, makeBundle, removeBundle, START_MS, scene } from './harness/scene.ts'
import { exchangeUdp } from './harness/server.ts'

const test = suite('main: threads')
test.before(makeBundle)
test.after(removeBundle)

async function metrics(port: number): Promise<string[]> {
  return (await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).split('\n')
}

/** The values of all samples whose line has all of the words. */
function sum(lines: readonly string[], ...words: string[]): number {
  const found = lines.filter(line => !line.startsWith('#') && words.every(word => line.includes(word)))
  return found.reduce((total, line) => total + Number(line.split(' ').at(-1)), 0)
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal}: what is in flight in any thread is answered`, async () => {
    const slow = createSocket('udp4').bind(0, '127.0.0.1')
    await once(slow, 'listening')
    let asked = 0
    const all = Promise.withResolvers<void>()
    slow.on('message', (octets, from) => {
      if (++asked === 40) all.resolve()
      const reply = Buffer.from(octets)
      reply[2]! |= 0x80
      setTimeout(() => slow.send(reply, from.port, from.address), 400)
    })
    await scene(async ({ start }) => {
      const up = slow.address().port
      const child = await start(`. {\nbind 127.0.0.1\nmultisocket 3\nforward . 127.0.0.1:${up} {\nmax_fails 0\n}\n}\n`)
      const replies = Array.from({ length: 40 }, (_, i) => exchangeUdp(query(`n${i}.test`), child.port))
      await all.promise
      child.signal(signal)
      for (const reply of await Promise.all(replies)) assert.is(readReply(reply).rcode, 'NOERROR')
      assert.equal(await child.exited, { code: 0, signal: null })
    })
    slow.close()
  })
}

test('one exposition, with what all threads have counted', async () => {
  const port = await freePort()
  await scene(async ({ start, folder }) => {
    const text = (sockets: number) =>
      `. {\nbind 127.0.0.1\nmultisocket ${sockets}\nprometheus 127.0.0.1:${port}\ncache\nwhoami\n}\n`
    const child = await start(text(3))
    for (let i = 0; i < 60; i++) await exchangeUdp(query(`n${i}.test`), child.port)
    const lines = await metrics(port)
    assert.is(sum(lines, 'coredns_dns_requests_total', 'proto="udp"'), 60)
    assert.is(lines.filter(line => line.startsWith('coredns_dns_requests_total')).length, 1)
    assert.is(sum(lines, 'coredns_dns_request_size_bytes_count'), 60)
    assert.is(sum(lines, 'sextant_threads'), 3)
    assert.is(sum(lines, 'coredns_build_info'), 1)
    assert.is(sum(lines, 'coredns_plugin_enabled', 'name="whoami"'), 1)
    assert.is(sum(lines, 'coredns_cache_misses_total'), 60)
    folder.write('Corefile', text(1))
    child.signal('SIGUSR1')
    await child.line(/Reloading complete/, START_MS)
    const after = await metrics(port)
    assert.is(sum(after, 'coredns_dns_requests_total'), 60)
    assert.is(sum(after, 'sextant_threads'), 1)
    assert.equal(await child.stop('SIGINT', END_MS), { code: 0, signal: null })
  })
})

test('a loop is found whichever thread it comes back to, once, and all threads leave the upstream alone', async () => {
  const port = await freePort()
  await scene(async ({ start }) => {
    const body = `bind 127.0.0.1\nmultisocket 3\nerrors\nloop\nforward . 127.0.0.1:${port}\n`
    const child = await start(`.:${port} {\n${body}}\n`)
    await child.line(/Loop \(127\.0\.0\.1:\d+ -> dns:\/\/127\.0\.0\.1:\d+\) detected for zone "\."/, START_MS)
    for (let i = 0; i < 30; i++) {
      assert.match(replyText(await exchangeUdp(query(`n${i}.test`), port)), /^SERVFAIL/)
    }
    assert.is(child.lines.filter(line => line.includes('detected for zone')).length, 1)
    assert.equal(await child.stop('SIGINT', END_MS), { code: 0, signal: null })
  })
})

test.run()
