/** What a reply's OPT has, from message to message over real sockets: cookies, keepalive, and what must not be there. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { EMPTY, type Option, optionOf, optionsOf, optOf, withOptions } from '../../harness/edns.ts'
import { query, readReply } from '../../harness/message.ts'
import { type Served, TcpClient, UdpClient, WAYS, withServed } from './fixture.ts'

const [NSID, EXPIRE, COOKIE, KEEPALIVE, PADDING] = [3, 9, 10, 11, 12]
const CLIENT_COOKIE = Buffer.from('2464c4abcf10c957', 'hex')
const IDLE_MS = 7300

const asking = (options: readonly Option[], name = 'now.test') => withOptions(query(name), options)
const withCookie = (cookie: Uint8Array, name?: string) => asking([[COOKIE, cookie]], name)

type Send = (message: Uint8Array) => Promise<Buffer>

/** One test for each way to come. `send` of one client. */
function each(
  name: string,
  body: (send: Send, transport: 'udp' | 'tcp', at: Served) => Promise<void>,
  address = '127.0.0.1',
): void {
  for (const way of WAYS) {
    test(`${way}: ${name}`, () =>
      withServed(address, { udp: way }, async at => {
        const client = new UdpClient(address === '::1' ? 6 : 4)
        try {
          await body(async message => (await client.ask(message, at.port, address)).octets, 'udp', at)
        } finally {
          client.close()
        }
      }))
  }
  test(`tcp: ${name}`, () =>
    withServed(address, { tcp: { idleMs: IDLE_MS } }, async at => {
      const client = await TcpClient.to(at.port, address)
      try {
        await body(message => client.ask(message), 'tcp', at)
      } finally {
        client.close()
      }
    }))
}

for (const [family, address] of [
  ['IPv4', '127.0.0.1'],
  ['IPv6', '::1'],
] as const) {
  each(
    `F20 F22 F23 a cookie for a client cookie, the same for itself, a fresh one for a wrong one, ${family}`,
    async send => {
      for (const name of ['now.test', 'later.test']) {
        const first = optionOf(await send(withCookie(CLIENT_COOKIE, name)), COOKIE)!
        assert.is(first.length, 24)
        assert.equal(first.subarray(0, 8), CLIENT_COOKIE)
        const second = await send(withCookie(first, name))
        assert.equal(optionsOf(second), [[COOKIE, first]])
        assert.is(readReply(second).rcode, 'NOERROR')
        const wrong = Buffer.concat([first.subarray(0, 16), Buffer.alloc(8)])
        const third = await send(withCookie(wrong, name))
        assert.is(readReply(third).rcode, 'NOERROR', 'cookies are not enforced')
        assert.is(readReply(third).answers?.length, 1)
        assert.equal(optionOf(third, COOKIE)!.subarray(0, 12), first.subarray(0, 12))
        assert.not.equal(optionOf(third, COOKIE), wrong)
      }
    },
    address,
  )
}

test('a cookie that was had over UDP is good over TCP, and at another port', () =>
  withServed('127.0.0.1', {}, async at => {
    const [one, other] = [new UdpClient(), new UdpClient()]
    const stream = await TcpClient.to(at.port)
    try {
      const cookie = optionOf((await one.ask(withCookie(CLIENT_COOKIE), at.port)).octets, COOKIE)!
      assert.equal(optionOf((await other.ask(withCookie(cookie), at.port)).octets, COOKIE), cookie)
      assert.equal(optionOf(await stream.ask(withCookie(cookie)), COOKIE), cookie)
    } finally {
      one.close()
      other.close()
      stream.close()
    }
  }))

each('a server cookie of another length is none of ours: a fresh one', async send => {
  for (const length of [16, 23, 25, 40]) {
    const cookie = Buffer.concat([CLIENT_COOKIE, Buffer.alloc(length - 8, 7)])
    const fresh = optionOf(await send(withCookie(cookie)), COOKIE)!
    assert.is(fresh.length, 24)
    assert.equal(fresh.subarray(0, 8), CLIENT_COOKIE)
  }
})

each('F21 lengths that no cookie has', async send => {
  for (const length of [0, 1, 7, 9, 15, 41]) {
    const reply = await send(withCookie(Buffer.alloc(length, 7)))
    assert.is(readReply(reply).rcode, 'FORMERR', `${length} octets`)
    assert.equal(optionsOf(reply), []) // in an OPT that is there: RFC 6891 §7
  }
})

each('F18 F33 five of each, and all at once: one cookie, the first one', async (send, transport) => {
  const options: Option[] = []
  for (let i = 0; i < 5; i++) {
    options.push([NSID, EMPTY], [COOKIE, Buffer.alloc(8, i + 1)], [PADDING, Buffer.alloc(4)], [KEEPALIVE, EMPTY])
  }
  const reply = await send(asking([...options, [EXPIRE, EMPTY], [8, Buffer.from('00000000', 'hex')], [65_001, EMPTY]]))
  const codes = optionsOf(reply).map(([code]) => code)
  assert.equal(codes, transport === 'tcp' ? [COOKIE, KEEPALIVE] : [COOKIE])
  assert.equal(optionOf(reply, COOKIE)!.subarray(0, 8), Buffer.alloc(8, 1))
  assert.is(optOf(reply)?.version, 0)
})

each('F18 a second cookie that is none is ignored, a first one is not', async send => {
  const broken: Option = [COOKIE, Buffer.alloc(7)]
  const reply = await send(asking([[COOKIE, CLIENT_COOKIE], broken]))
  assert.is(readReply(reply).rcode, 'NOERROR')
  assert.equal(optionOf(reply, COOKIE)!.subarray(0, 8), CLIENT_COOKIE)
  assert.is(readReply(await send(asking([broken, [COOKIE, CLIENT_COOKIE]]))).rcode, 'FORMERR')
})

each(
  'C2 no question but a cookie: the cookie, BADCOOKIE where one is to be confirmed that is not good',
  async (send, _, at) => {
    const bare = Buffer.from('4b3801000000000000000000', 'hex')
    const received = at.udp.received + at.tcp.received
    const GOOD = '4b388100000000000000000100002904d00000'
    const BAD = '4b388107000000000000000100002904d00100'
    for (const { cookie, head } of [
      { cookie: CLIENT_COOKIE, head: GOOD },
      { cookie: Buffer.concat([CLIENT_COOKIE, Buffer.alloc(16, 1)]), head: BAD },
    ]) {
      const reply = await send(withOptions(bare, [[COOKIE, cookie]]))
      assert.is(reply.subarray(0, 19).toString('hex'), head)
      const [option] = optionsOf(reply)
      assert.is(option![1].length, 24)
      assert.equal(option![1].subarray(0, 8), CLIENT_COOKIE)
      const again = await send(withOptions(bare, [option!]))
      assert.is(again.subarray(0, 19).toString('hex'), GOOD)
      assert.equal(optionOf(again, COOKIE), option![1])
    }
    assert.is(at.udp.received + at.tcp.received, received + 4)
  },
)

each('C1 no question, and no cookie either: FORMERR, but for another version', async send => {
  const bare = Buffer.from('4b3801000000000000000000', 'hex')
  const cut = withOptions(bare, [[COOKIE, CLIENT_COOKIE]])
  assert.is((await send(bare)).toString('hex'), '4b3881010000000000000000')
  for (const message of [
    withOptions(bare, []),
    withOptions(bare, [[NSID, EMPTY]]),
    withOptions(bare, [[COOKIE, Buffer.alloc(9)]]),
    cut.subarray(0, -1),
  ]) {
    const opt = '00002904d0000000000000'
    assert.is((await send(message)).toString('hex'), `4b3881010000000000000001${opt}`, message.toString('hex'))
  }
  const later = withOptions(bare, [[COOKIE, CLIENT_COOKIE]], 1232, 1)
  assert.is((await send(later)).toString('hex'), '4b388100000000000000000100002904d0010000000000', 'BADVERS')
})

each('F27 F28 F29 keepalive: our time, over TCP, to those who ask', async (send, transport) => {
  const expected = transport === 'tcp' ? [[KEEPALIVE, Buffer.of(0, IDLE_MS / 100)]] : []
  assert.equal(optionsOf(await send(asking([[KEEPALIVE, EMPTY]]))), expected)
  assert.equal(optionsOf(await send(asking([[KEEPALIVE, Buffer.of(0x12, 0x34)]]))), expected, 'never their number')
  assert.equal(optionsOf(await send(asking([[KEEPALIVE, EMPTY]], 'later.test'))), expected)
  assert.equal(optionsOf(await send(asking([]))), [])
})

test('keepalive is 0 for who is answered while the server leaves', () =>
  withServed('127.0.0.1', {}, async at => {
    const client = await TcpClient.to(at.port)
    try {
      client.send(asking([[KEEPALIVE, EMPTY]], 'hold.test'))
      await at.behaviour.holding(1)
      const stopped = at.tcp.stop()
      at.behaviour.release()
      await client.until(1)
      assert.equal(optionsOf(client.replies[0]!), [[KEEPALIVE, Buffer.of(0, 0)]])
      client.close()
      await stopped
    } finally {
      client.close()
    }
  }))

each('F24 F30 no EXPIRE, no padding', async send => {
  const options: Option[] = [
    [EXPIRE, EMPTY],
    [PADDING, Buffer.alloc(64)],
  ]
  assert.equal(optionsOf(await send(asking(options))), [])
})

each('no option of ours makes a datagram longer than it may be, nor cuts the last record', async (send, transport) => {
  const message = withOptions(query('big.test'), [
    [COOKIE, CLIENT_COOKIE],
    [KEEPALIVE, EMPTY],
  ])
  const reply = await send(message)
  if (transport === 'udp') assert.ok(reply.length <= Math.max(512, 25 * message.length), `${reply.length} octets`)
  assert.is(optionOf(reply, COOKIE)?.length, 24)
  assert.is(readReply(reply).flag_tc, transport === 'udp')
})

test.run()
