/** The watcher's socket: what lines do, what is turned away, what a probe hears. */
import { deepEqual, equal, match } from 'node:assert/strict'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { connect, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { suite } from 'uvu'
import { listenForLinks } from '../../../server/node-local/links.ts'
import { whyNotReady } from '../../../server/node-local/ready.ts'
import { temporaryFolder } from '../../harness/server.ts'
import { eventually } from '../../harness/time.ts'

const test = suite('links')
const folder = temporaryFolder()
const path = join(folder.path, 'watcher.sock')
const PATIENCE_MS = 2000

let heard: string[]
let answer: string
let server: Server

test.before.each(async () => {
  const words: string[] = []
  heard = words
  answer = 'yes'
  server = await listenForLinks(path, {
    serving: (_, addresses) => words.push(`serving ${addresses}`),
    leaving: () => words.push('leaving'),
    closed: () => words.push('closed'),
    ready: () => answer,
  })
})
test.after.each(() => {
  server.close()
})
test.after(() => folder.remove())

async function link(): Promise<Socket> {
  const socket = connect(path)
  await once(socket, 'connect')
  return socket
}

const hears = (what: readonly string[]) => eventually(PATIENCE_MS, `${what}`, async () => deepEqual(heard, what))

test('heartbeats, however they are cut, then leaving, then the end', async () => {
  const socket = await link()
  for (const part of ['serving 169.254.20.10 FD00:0', '::10\nserv', 'ing 169.254.20.10\n']) {
    socket.write(part)
    await new Promise(setImmediate)
  }
  await hears(['serving 169.254.20.10,fd00::10', 'serving 169.254.20.10'])
  socket.end('leaving\n')
  await hears(['serving 169.254.20.10,fd00::10', 'serving 169.254.20.10', 'leaving', 'closed'])
})

test('a server without an address on port 53 serves none', async () => {
  const socket = await link()
  socket.write('serving\n')
  await hears(['serving '])
  socket.destroy()
})

for (const { name, octets } of [
  { name: 'another word', octets: 'hello\n' },
  { name: 'a line without end', octets: `serving ${'1'.repeat(5000)}` },
]) {
  test(`${name}: the connection is closed, others are not`, async () => {
    const [good, bad] = [await link(), await link()]
    bad.write(octets)
    await once(bad.resume(), 'close')
    good.write('serving 10.0.0.1\n')
    await hears(['closed', 'serving 10.0.0.1'])
    good.destroy()
  })
}

test('a probe hears yes, or why not', async () => {
  equal(await whyNotReady(path), '')
  answer = 'no: found no server at 169.254.20.10'
  equal(await whyNotReady(path), answer)
})

test('a probe without a watcher says so', async () => {
  match(await whyNotReady(join(folder.path, 'none.sock')), /none\.sock: connect ENOENT .*, expected a watcher/)
})

test('who comes when there are too many is turned away', async () => {
  const links = await Promise.all(Array.from({ length: 16 }, link))
  const late = await link()
  await once(late.resume(), 'close')
  for (const each of links) each.destroy()
})

test('any user may connect, and the file of a watcher before is no hindrance', async () => {
  equal(statSync(path).mode & 0o777, 0o666)
  const again = await listenForLinks(path, { serving() {}, leaving() {}, closed() {}, ready: () => 'yes' })
  equal(await whyNotReady(path), '')
  again.close()
})

test.run()
