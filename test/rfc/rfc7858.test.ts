/** RFC 7858, DNS over TLS, with RFC 7830 and RFC 8467, padding. */
import { connect } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { encode, type Packet } from 'dns-packet'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { framed } from '../harness/frames.ts'
import { query, readReply } from '../harness/message.ts'
import { connectTls, whenClosed, withEncrypted } from '../server/listen/encrypted.ts'
import { soon, TcpClient, UdpClient, withServed } from '../server/listen/fixture.ts'

const test = suite('rfc7858')

/** What a client that speaks only these versions comes to. */
const VERSIONS: { name: string; options: ConnectionOptions; gets: string }[] = [
  { name: 'TLS 1.3', options: { minVersion: 'TLSv1.3' }, gets: 'TLSv1.3' },
  { name: 'TLS 1.2', options: { maxVersion: 'TLSv1.2' }, gets: 'TLSv1.2' },
  // A client's library refuses the old versions by itself but for the lowest security level.
  {
    name: 'TLS 1.1',
    options: { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    gets: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  },
  {
    name: 'TLS 1.0',
    options: { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' },
    gets: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  },
]
for (const { name, options, gets } of VERSIONS) {
  test(`H1: RFC 7858 §3.2, RFC 8310 §3: ${name}: ${gets}`, () =>
    withEncrypted('tls', {}, async ({ port }) => {
      const socket = await connectTls(port, options).catch(cause => cause.code as string)
      if (typeof socket === 'string') assert.is(socket, gets)
      else {
        assert.is(socket.getProtocol(), gets)
        const client = TcpClient.on(socket)
        assert.is(readReply(await client.ask(query('now.test'))).answers!.length, 1)
        client.close()
      }
    }))
}

const OFFERS: { offers: string[]; gets: string | false }[] = [
  { offers: [], gets: false },
  { offers: ['dot'], gets: 'dot' },
  { offers: ['h2', 'dot'], gets: 'dot' },
]
for (const { offers, gets } of OFFERS) {
  test(`H2: of ALPN ${JSON.stringify(offers)} ${gets} is selected`, () =>
    withEncrypted('tls', {}, async ({ port }) => {
      const socket = await connectTls(port, offers.length > 0 ? { ALPNProtocols: offers } : {})
      assert.is(socket.alpnProtocol, gets)
      socket.destroy()
    }))
}

test('H2: RFC 7301 §3.2: only other protocols are refused with an alert', () =>
  withEncrypted('tls', {}, async ({ port }) => {
    const code = await connectTls(port, { ALPNProtocols: ['h2'] }).catch(cause => cause.code)
    assert.match(code, /ALERT_NO_APPLICATION_PROTOCOL$/)
  }))

const PLAIN: readonly (readonly [name: string, octets: Buffer])[] = [
  ['a query', framed(query('now.test'))],
  ['a query that begins like a handshake record', framed(Buffer.concat([query('now.test'), Buffer.alloc(5700)]))],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
]
for (const [name, octets] of PLAIN) {
  test(`H3: RFC 7858 §3.1: plain ${name} gets an alert or the end, and no reply`, () =>
    withEncrypted('tls', {}, async ({ listener, port }) => {
      const socket = connect(port, '127.0.0.1')
      const got: Buffer[] = []
      socket.on('data', chunk => got.push(chunk as Buffer))
      socket.on('error', () => {})
      socket.write(octets)
      await soon(whenClosed(socket), 'the end')
      const all = Buffer.concat(got)
      assert.ok(all.length === 0 || all[0] === 21, all.toString('hex')) // RFC 8446 §5.1: an alert
      assert.is(listener.received, 0)
    }))
}

/** A query with padding of its own (RFC 8467 §4.1: clients pad to 128 octets). */
function padded(name: string): Buffer {
  const options = [{ code: 'PADDING', length: 128 }]
  const opt = { type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options }
  const questions = [{ name, type: 'A', class: 'IN' }]
  return encode({ type: 'query', id: 1, flags: 0x100, questions, additionals: [opt] } as unknown as Packet)
}

function optionsOf(reply: Buffer): readonly number[] {
  const opt = readReply(reply).additionals!.find(({ type }) => type === 'OPT')
  return (opt as unknown as { options: { code: number }[] }).options.map(({ code }) => code)
}

for (const name of ['now.test', 'later.test', 'big.test']) {
  test(`F31: RFC 8467 §4.1: a padded query for ${name} gets whole blocks of 468 octets`, () =>
    withEncrypted('tls', {}, async ({ port }) => {
      const client = TcpClient.on(await connectTls(port))
      const reply = await client.ask(padded(name))
      assert.is(reply.length % 468, 0)
      assert.equal(optionsOf(reply), [12])
      const plain = await client.ask(query(name, { edns: 1232 }))
      assert.equal(optionsOf(plain), []) // RFC 7830 §4: a client that did not pad may not know how to read it
      client.close()
    }))
}

test('F30: RFC 7830 §6: no padding over UDP and TCP', () =>
  withServed('127.0.0.1', {}, async ({ port }) => {
    const udp = new UdpClient()
    const tcp = await TcpClient.to(port)
    assert.equal(optionsOf((await udp.ask(padded('now.test'), port)).octets), [])
    assert.equal(optionsOf(await tcp.ask(padded('now.test'))), [])
    udp.close()
    tcp.close()
  }))

test.run()
