import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AF_INET } from '../../../server/listen/address.ts'
import { loadFfi } from '../../../server/listen/ffi.ts'
import { Arena } from '../../../server/listen/udp-arena.ts'
import { query, readReply, replyText, text } from '../../harness/message.ts'
import { firstText, QuietClient, soon, UdpClient, WAYS, withServed } from './fixture.ts'

const ADDRESS = (name: string) => text`
  NOERROR rd
  ;; ANSWER
  ${name}. 30 IN A 10.0.0.1`

/** One test for each way to speak UDP. */
function each(
  name: string,
  address: string,
  body: (
    at: Parameters<Parameters<typeof withServed>[2]>[0],
    client: UdpClient,
    way: 'batch' | 'dgram',
  ) => Promise<void>,
  ways: readonly ('batch' | 'dgram')[] = WAYS,
): void {
  for (const way of ways) {
    test(`${way}: ${name}`, async () => {
      const client = new UdpClient()
      try {
        await withServed(address, { udp: way }, at => body(at, client, way))
      } finally {
        client.close()
      }
    })
  }
}

each('answers', '127.0.0.1', async (at, client) => {
  const { octets } = await client.ask(query('now.test'), at.port)
  assert.is(replyText(octets), ADDRESS('now.test'))
})

each('answers whoever comes, each their own', '127.0.0.1', async (at, client) => {
  const others = Array.from({ length: 20 }, () => new UdpClient())
  try {
    for (let round = 0; round < 30; round++) {
      others.forEach((other, i) => {
        other.send(query(`now-${i}-${round}.test`, { id: i * 100 + round }), at.port)
      })
      await Promise.all(others.map(other => other.until(round + 1)))
    }
    others.forEach((other, i) => {
      const names = other.replies.map(({ octets }) => readReply(octets).questions![0]!.name)
      assert.equal(names.toSorted(), Array.from({ length: 30 }, (_, round) => `now-${i}-${round}.test`).toSorted())
    })
  } finally {
    for (const other of others) other.close()
  }
  assert.is(replyText((await client.ask(query('now.test'), at.port)).octets), ADDRESS('now.test'))
  assert.is(at.udp.received, 601)
})

each('mixes replies, late replies and silence in one batch', '127.0.0.1', async (at, client) => {
  const kinds = ['now', 'later', 'micro', 'garbage'] as const
  for (let i = 0; i < 200; i++) {
    const kind = kinds[i % 4]!
    client.send(kind === 'garbage' ? Buffer.alloc(5) : query(`${kind}.n${i}.test`, { id: i }), at.port)
  }
  await client.until(150)
  for (const { octets } of client.replies) {
    const { id, questions } = readReply(octets)
    assert.is(questions![0]!.name, `${kinds[id! % 4]}.n${id}.test`)
  }
  assert.is(new Set(client.replies.map(({ octets }) => readReply(octets).id)).size, 150)
})

each('a query that waits delays no other', '127.0.0.1', async (at, client) => {
  client.send(query('hold.test', { id: 1 }), at.port)
  await soon(at.behaviour.holding(1), 'the held query')
  for (let i = 0; i < 300; i++)
    assert.is(readReply((await client.ask(query('now.test', { id: 2 }), at.port)).octets).id, 2)
  at.behaviour.release()
  await client.until(301)
  assert.is(replyText(client.replies[300]!.octets), ADDRESS('hold.test'))
})

each('late replies in hundreds at once', '127.0.0.1', async (at, client) => {
  for (let i = 0; i < 300; i++) client.send(query(`hold.n${i}.test`, { id: i }), at.port)
  await soon(at.behaviour.holding(300), 'the held queries')
  at.behaviour.release()
  await client.until(300)
  assert.is(new Set(client.replies.map(({ octets }) => readReply(octets).id)).size, 300)
})

for (const name of ['tick', 'ticklater']) {
  each(`promises settle though nothing else happens: ${name}`, '127.0.0.1', async at => {
    const ffi = loadFfi()
    if (ffi === undefined) return
    const quiet = new QuietClient(ffi, at.port)
    let ticks = 0
    const ticked = new Promise<void>(resolve => {
      at.behaviour.onTick = () => {
        if (++ticks === 30) resolve()
        else quiet.send(query(`${name}.test`)) // V8 itself wakes the loop now and then, but not thirty times
      }
    })
    quiet.send(query(`${name}.test`))
    await soon(ticked, 'promises made in serve()', 2000)
    quiet.close()
  })
}

each('tells who asked, and which address', '127.0.0.1', async (at, client) => {
  for (const name of ['who.test', 'wholater.test']) {
    const { octets } = await client.ask(query(name, { type: 'TXT' }), at.port)
    assert.is(firstText(octets), `127.0.0.1 ${client.socket.address().port} 4 127.0.0.1`)
  }
})

for (const wildcard of ['', '0.0.0.0', '::']) {
  each(
    `wildcard "${wildcard}" answers from the address that was asked`,
    wildcard,
    async (at, client) => {
      for (const to of ['127.0.0.1', '127.0.0.2', '127.3.2.1']) {
        for (const name of ['who.test', 'wholater.test']) {
          const { octets, from } = await client.ask(query(name, { type: 'TXT' }), at.port, to)
          assert.is(from.address, to)
          assert.is(firstText(octets).split(' ')[3], to)
          assert.is(firstText(octets).split(' ')[2], '4')
        }
      }
    },
    WAYS.filter(way => way === 'batch'), // dgram cannot: see its module comment
  )
}

for (const bound of ['::1', '', '::']) {
  each(`IPv6 on "${bound}"`, bound, async (at, _, way) => {
    const client = new UdpClient(6)
    try {
      for (const name of ['who.test', 'wholater.test']) {
        const { octets, from } = await client.ask(query(name, { type: 'TXT' }), at.port, '::1')
        assert.is(from.address, '::1')
        const local = way === 'dgram' && bound !== '::1' ? '' : '::1'
        assert.is(firstText(octets), `::1 ${client.socket.address().port} 6 ${local}`)
      }
    } finally {
      client.close()
    }
  })
}

each('IPv4 on the wildcard of both families', '', async (at, client) => {
  assert.is(replyText((await client.ask(query('now.test'), at.port)).octets), ADDRESS('now.test'))
})

each('says nothing to garbage and goes on', '127.0.0.1', async (at, client) => {
  for (let length = 0; length < 12; length++) client.send(Buffer.alloc(length, 255), at.port)
  const response = query('now.test')
  response[2]! |= 0x80
  client.send(response, at.port)
  const { octets } = await client.ask(query('now.test', { id: 7 }), at.port)
  assert.is(readReply(octets).id, 7)
  assert.is(client.replies.length, 1)
})

each('FORMERR for a message longer than any query', '127.0.0.1', async (at, client) => {
  const padded = Buffer.concat([query('now.test'), Buffer.alloc(5000)])
  const { octets } = await client.ask(padded, at.port)
  assert.is(readReply(octets).rcode, 'FORMERR')
})

each('an exception in the data plane costs one query', '127.0.0.1', async (at, client) => {
  client.send(query('broken.test', { id: 1 }), at.port)
  const { octets } = await client.ask(query('now.test', { id: 2 }), at.port)
  assert.is(readReply(octets).id, 2)
})

each('nothing is lost between binding and start', '127.0.0.1', async (at, client, way) => {
  const { listen } = await import('../../../server/listen/listen.ts')
  const udp = await listen('udp', '127.0.0.1', 0, { routes: at.behaviour.routes, server: 'dns://:early', udp: way })
  try {
    for (let i = 0; i < 100; i++) client.send(query('now.test', { id: i }), udp.port)
    await client.ask(query('now.test'), at.port) // a round trip later they have arrived
    assert.is(udp.received, 0)
    udp.start()
    await client.until(101)
  } finally {
    await udp.stop()
  }
})

each('stop answers what is in flight', '127.0.0.1', async (at, client) => {
  client.send(query('hold.test', { id: 9 }), at.port)
  await soon(at.behaviour.holding(1), 'the held query')
  const stopped = at.udp.stop()
  at.behaviour.release()
  await soon(stopped, 'stop')
  await client.until(1)
  assert.is(readReply(client.replies[0]!.octets).id, 9)
})

each('a reply after stop gave up does no harm', '127.0.0.1', async at => {
  await at.udp.stop()
  await at.udp.stop()
})

each('survives the collector', '127.0.0.1', async (at, client) => {
  const { setFlagsFromString } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 20; i++) {
    collect()
    for (let n = 0; n < 50; n++) await client.ask(query(n % 5 ? 'now.test' : 'later.test'), at.port)
  }
})

test('batch and dgram: drops a query from port 0', async () => {
  const ffi = loadFfi()
  const raw = ffi?.calls.socket(AF_INET, 3, 17) ?? -1 // SOCK_RAW, IPPROTO_UDP: for root alone
  if (ffi === undefined || raw < 0) return
  for (const way of WAYS) {
    const client = new UdpClient()
    await withServed('127.0.0.1', { udp: way }, async at => {
      const arena = new Arena(ffi, 4, false)
      const message = query('now.test')
      const datagram = Buffer.concat([Buffer.alloc(8), message])
      datagram.writeUInt16BE(at.port, 2)
      datagram.writeUInt16BE(datagram.length, 4)
      const to = new Uint8Array(48)
      to.set([AF_INET, 0, 0, 0, 127, 0, 0, 1])
      arena.fill(0, to, datagram, 0, datagram.length)
      arena.reply(0, 0, datagram.length)
      assert.is(ffi.calls.sendmmsg(raw, arena.sendHeaders, 1, 0), 1)
      assert.is(readReply((await client.ask(query('now.test', { id: 3 }), at.port)).octets).id, 3)
    })
    client.close()
  }
  ffi.calls.close(raw)
})

test.run()
