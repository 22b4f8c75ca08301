/** Replies of several messages: in order, as fast as the client reads, and over when it is gone. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { framed } from '../../harness/frames.ts'
import { query } from '../../harness/message.ts'
import { eventually, soon, TcpClient, withServed } from './fixture.ts'

const PART_BYTES = 32_000

test('all messages of a reply, and other replies between them', () =>
  withServed('127.0.0.1', {}, async at => {
    const client = await TcpClient.to(at.port)
    client.socket.write(framed(query('parts200.test', { id: 1 }), query('now.test', { id: 2 })))
    await client.until(201)
    const ids = client.replies.map(reply => reply.readUInt16BE())
    assert.is(ids.filter(id => id === 1).length, 200)
    assert.is(ids.filter(id => id === 2).length, 1)
    assert.is(at.behaviour.ends, 1)
    client.close()
  }))

test('what the client does not read is not composed; it is cut off, and that ends the reply', () =>
  withServed('127.0.0.1', { tcp: { writeMs: 1000 } }, async at => {
    const client = await TcpClient.to(at.port)
    client.socket.pause()
    client.socket.write(framed(query('parts1000000.test')))
    await eventually(() => at.behaviour.ends === 1, 'the end')
    // What the kernel takes for a client that does not read is a few megabytes.
    assert.ok(at.behaviour.parts * PART_BYTES < 64e6, `${at.behaviour.parts} messages`)
    client.close()
  }))

test('a client that is gone ends the reply', () =>
  withServed('127.0.0.1', {}, async at => {
    const client = await TcpClient.to(at.port)
    client.socket.write(framed(query('parts1000000.test')))
    await client.until(3)
    client.close()
    await eventually(() => at.behaviour.ends === 1, 'the end')
  }))

test('a listener that stops waits for the last message', () =>
  withServed('127.0.0.1', {}, async at => {
    const client = await TcpClient.to(at.port)
    client.socket.write(framed(query('parts50.test', { id: 1 })))
    await client.until(1)
    const stopped = at.tcp.stop()
    await client.until(50)
    await soon(stopped, 'the stop')
    client.close()
  }))

test('others are answered while a zone is on its way', () =>
  withServed('127.0.0.1', {}, async at => {
    const client = await TcpClient.to(at.port)
    client.socket.write(framed(query('parts1000000.test', { id: 1 })))
    const other = await TcpClient.to(at.port)
    for (let i = 0; i < 20; i++) await other.ask(query('now.test'))
    assert.is(at.behaviour.ends, 0)
    client.close()
    other.close()
  }))

test.run()
