/**
 * Processes that share their addresses (SEXTANT_SHARE_ADDRESSES): one takes over from the other, under load, and nobody
 * notices. What a process that is killed had in its sockets, and was about to read, nobody can give back.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { paced } from '../../../bench/client/paced.ts'
import { test } from '../../harness/suite.ts'
import { delay } from '../../harness/time.ts'
import { clusterCorefile, told, writeQuestions } from '../load.ts'
import { OneByOne, type Way } from '../one-by-one.ts'
import { isLong, type Ports, Subject } from '../subject.ts'

const PER_SECOND = 5000
const TURN_S = 2
const CASES: { name: string; turns: number; environment?: Record<string, string>; more?: string; bind?: string }[] = [
  { name: 'batched UDP', turns: 10 },
  { name: 'dgram', turns: isLong ? 10 : 2, environment: { SEXTANT_UDP: 'dgram' } },
  { name: 'two threads', turns: isLong ? 10 : 2, more: 'multisocket 2' },
  { name: 'two threads, dgram', turns: isLong ? 10 : 2, more: 'multisocket 2', environment: { SEXTANT_UDP: 'dgram' } },
  { name: 'every address', turns: isLong ? 10 : 2, bind: '' },
  { name: 'every address, dgram', turns: isLong ? 10 : 2, bind: '', environment: { SEXTANT_UDP: 'dgram' } },
  { name: 'under the permission model', turns: 2, environment: { SEXTANT_PERMISSION: '1' } },
]
/** So much waits in a socket, or is in a batch, when its process is killed: half of the questions of a fifth of a second. */
const MAX_KILLED = 500

type Case = Omit<(typeof CASES)[number], 'name' | 'turns'>

function start({ environment, more = '', bind = 'bind 127.0.0.1' }: Case, ports?: Ports): Promise<Subject> {
  const corefile = (at: Ports) =>
    clusterCorefile(at, more).replace('lameduck 5s', 'lameduck 0s').replace('bind 127.0.0.1', bind)
  return Subject.start(corefile, {
    environment: { SEXTANT_SHARE_ADDRESSES: '1', SEXTANT_READ: process.cwd(), ...environment },
    ...(ports && { ports }),
  })
}

/** Asks in all ways. `end` waits for the last replies. */
function load(subject: Subject, seconds: number) {
  const { name, address, port, folder, ports } = subject
  // The server's CPU time is of no interest here, and the server does not stay the same.
  const target = { name, address, port, pid: process.pid }
  const udp = paced(target, { file: writeQuestions(folder), perSecond: PER_SECOND, seconds })
  const ways: [Way, number, number][] = [
    ['kept connection', port, 3],
    ['kept connection', port, 4],
    ['new connection', port, 5],
    ['new port', port, 5],
    ['health', ports.health, 20],
  ]
  const clients = ways.map(([way, at, everyMs]) => new OneByOne(way, at, everyMs))
  const stop = async () => {
    const outcomes = await Promise.all(clients.map(client => client.stop()))
    return outcomes.map((outcome, i) => ({ way: ways[i]![0], ...outcome }))
  }
  return { udp, stop }
}

for (const { name, turns, ...how } of CASES) {
  test(`hand-over: ${name}: ${turns} in turn at 5,000 queries a second over UDP, and others over TCP, lose none`, async note => {
    let current = await start(how)
    const { ports } = current
    const first = current
    const { udp, stop } = load(first, turns * TURN_S)
    const tookMs: number[] = []
    for (let i = 0; i < turns; i++) {
      await delay(200)
      const next = await start(how, ports)
      await delay(200)
      const sinceMs = performance.now()
      current.child.signal('SIGTERM')
      deepEqual(await current.child.exited, { code: 0, signal: null })
      tookMs.push(performance.now() - sinceMs)
      match(current.child.lines.join('\n'), /Another process has all addresses: handing over/)
      if (current !== first) await current.stop()
      current = next
    }
    const outcomes = await stop()
    const run = await udp
    await first.stop()
    note(`UDP ${told(run)}; left ${Math.max(...tookMs).toFixed(0)} ms after SIGTERM at most`)
    note(outcomes.map(({ way, asked, answered }) => `${way} ${answered} of ${asked}`).join(', '))
    equal(run.lost, 0)
    for (const { way, failures } of outcomes) deepEqual([way, failures], [way, []])
    ok(Math.max(...tookMs) < 3000)
    deepEqual(await current.stop(), { code: 0, signal: null })
  })
}

for (const { name, turns: _, ...how } of CASES.slice(0, 4)) {
  test(`hand-over: ${name}: the younger one leaves and the older one has all again`, async note => {
    const older = await start(how)
    const { udp, stop } = load(older, TURN_S)
    const younger = await start(how, older.ports)
    await delay(200)
    deepEqual(await younger.stop('SIGTERM'), { code: 0, signal: null })
    const [run, outcomes] = [await udp, await stop()]
    note(`${told(run)}; ${outcomes.map(({ way, asked, answered }) => `${way} ${answered} of ${asked}`).join(', ')}`)
    equal(run.lost, 0)
    for (const { way, failures } of outcomes) deepEqual([way, failures], [way, []])
    await older.stop()
  })
}

test('hand-over: beside one that hangs, who came later has all: nothing is lost', async note => {
  const hung = await start({})
  const younger = await start({}, hung.ports)
  hung.child.signal('SIGSTOP')
  const { udp, stop } = load(younger, TURN_S)
  const [run, outcomes] = [await udp, await stop()]
  note(`UDP ${told(run)}; ${outcomes.map(({ way, asked, answered }) => `${way} ${answered} of ${asked}`).join(', ')}`)
  equal(run.lost, 0)
  for (const { way, failures } of outcomes) deepEqual([way, failures], [way, []])
  hung.child.signal('SIGKILL')
  await hung.child.exited
  equal(await younger.status('ready'), 200)
  await younger.stop()
  await hung.stop()
})

test('hand-over: beside one that is killed, the other has all, and what was in the dead one is lost', async note => {
  const one = await start({})
  const other = await start({}, one.ports)
  const { udp, stop } = load(one, 3)
  await delay(1000)
  one.child.signal('SIGKILL')
  const [run, outcomes] = [await udp, await stop()]
  const lost = outcomes.reduce((sum, { asked, answered }) => sum + asked - answered, 0)
  note(`UDP ${told(run)}; of the others ${lost} lost`)
  ok(run.lost <= MAX_KILLED, `${run.lost} were lost`)
  ok(lost <= outcomes.length, 'each of them loses one question at most')
  await one.stop()
  await other.stop()
})

test('hand-over: without the variable a second server finds the port in use, and the first one serves on', async () => {
  const one = await start({ environment: { SEXTANT_SHARE_ADDRESSES: '0' } })
  for (const shares of ['0', '1']) {
    const second = await start({ environment: { SEXTANT_SHARE_ADDRESSES: shares } }, one.ports).then(
      () => 'started',
      cause => String(cause),
    )
    match(second, /cannot listen on .*: the port is in use, expected a free one/)
  }
  equal(await one.status('ready'), 200)
  await one.stop()
})
