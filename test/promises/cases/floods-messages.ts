/** Floods of datagrams that nobody may answer, and of names as long as they may be. */
import { equal, ok } from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { paced } from '../../../bench/client/paced.ts'
import { messageOf } from '../../../bench/messages.ts'
import { RCODE } from '../../../server/wire/codes.ts'
import { test } from '../../harness/suite.ts'
import { delay, eventually } from '../../harness/time.ts'
import { judge, whileFlooded } from '../flood.ts'
import { clusterCorefile } from '../load.ts'
import { RawSocket } from '../raw-socket.ts'
import { isLong, Subject } from '../subject.ts'
import { startUpstream } from '../upstream.ts'

const TIMEOUT = { timeoutMs: isLong ? 200_000 : 60_000 }
const FLOOD_S = isLong ? 30 : 2
const question = messageOf({ name: 'web.shop.svc.cluster.local', type: 'A' })

/** Calls `send` in bursts of 100, 10,000 times a second, for `FLOOD_S`; how often it was called. */
async function flood(send: (i: number) => void): Promise<number> {
  let sent = 0
  for (const startMs = performance.now(); performance.now() < startMs + FLOOD_S * 1000; await delay(1)) {
    const due = Math.min(sent + 500, (performance.now() - startMs) * 10)
    while (sent < due) send(sent++)
  }
  return sent
}

/** Queries that the server has counted; none come any more. */
async function countedQueries(subject: Subject): Promise<number> {
  const count = async () => (await subject.metrics()).sum('coredns_dns_requests_total') ?? 0
  let last = -1
  await eventually(
    5000,
    'no more queries',
    async () => {
      const now = await count()
      const isSame = now === last
      last = now
      if (!isSame) throw new Error(`${now} queries`)
    },
    300,
  )
  return last
}

test(
  'forged sources, port 0 and our own address and port: nothing goes back and forth, no reply lost',
  async note => {
    const subject = await Subject.start(ports => clusterCorefile(ports))
    const raw = new RawSocket()
    const to = { address: subject.address, port: subject.port }
    const sends = [
      raw.prepare(question, { address: '127.0.0.1', port: 0 }, to),
      raw.prepare(question, to, to),
      raw.prepare(question, { address: '127.0.0.9', port: subject.port }, to),
    ]
    let sent = 0
    const before = await countedQueries(subject)
    const run = await whileFlooded(subject, FLOOD_S, async () => {
      sent = await flood(i => ok(sends[i % sends.length]!()))
    })
    judge(note, run, 32)
    const asked = run.calm.answered + run.flooded.answered
    const counted = (await countedQueries(subject)) - before - asked
    note(`${sent} forged, ${counted} of them answered, once each`)
    // Port 0 is dropped; the other two are queries like any other, and the replies to ourselves are not.
    ok(counted <= Math.ceil((sent * 2) / 3), `${counted} queries of ${sent} messages`)
    ok(counted > sent / 3, 'the forged messages arrive')
    raw.close()
    await subject.stop()
  },
  TIMEOUT,
)

test(
  'a flood of responses: none is answered, no reply lost',
  async note => {
    const subject = await Subject.start(ports => clusterCorefile(ports))
    const socket = createSocket('udp4').bind(0, '127.0.0.2')
    await once(socket, 'listening')
    let replies = 0
    socket.on('message', () => replies++)
    const response = Buffer.from(question)
    response.writeUInt8(0x81, 2)
    let sent = 0
    const run = await whileFlooded(subject, FLOOD_S, async () => {
      sent = await flood(() => socket.send(response, subject.port, subject.address))
    })
    judge(note, run, 32)
    note(`${replies} replies to ${sent} responses`)
    equal(replies, 0)
    // They do arrive: what is a query comes back the same way.
    socket.send(question, subject.port, subject.address)
    await eventually(1000, 'the reply to a query', async () => equal(replies, 1))
    socket.close()
    await subject.stop()
  },
  TIMEOUT,
)

const MAX_TEXT = 253 // 255 octets on the wire
/** Below the last there is room for 127 labels. */
const ZONES = ['shop.svc.cluster.local', 'cluster.local', 'flood.test', 'x']

/** A name of 255 octets below `zone`: labels as long as there may be, or as many. `nth` tells it from others. */
function longName(zone: string, nth: number, isMany: boolean): string {
  const most = isMany ? 1 : 63
  const id = nth.toString(36).padStart(4, '0')
  const labels: string[] = []
  let taken = 0
  for (let room = MAX_TEXT - zone.length - 1; room > 0; ) {
    const rest = room - most - 1
    const length = rest < 0 ? room : rest === 0 ? most + (isMany ? 1 : -1) : most
    labels.push(Array.from({ length }, () => id[taken++] ?? 'a').join(''))
    room -= length + 1
  }
  return `${labels.join('.')}.${zone}`
}

test(
  'names of 255 octets and up to 127 labels, through autopath and cache: no reply lost',
  async note => {
    const upstream = await startUpstream(RCODE.NOERROR)
    const names = Array.from({ length: isLong ? 40_000 : 4000 }, (_, i) => longName(ZONES[i % 4]!, i >> 3, i % 8 < 4))
    equal(
      names.find(one => one.length !== MAX_TEXT),
      undefined,
    )
    ok(names.some(one => one.split('.').length === 127))
    const folder = mkdtempSync(join(tmpdir(), 'sextant-flood-'))
    writeFileSync(join(folder, 'resolv.conf'), `search ${ZONES[0]} svc.cluster.local cluster.local\n`)
    const existing = `hosts {\n10.9.9.9 ${names[1]}\nfallthrough\n}\n`
    const more = `${existing}autopath ${folder}/resolv.conf\ncache\nforward . ${upstream.address}\n`
    const subject = await Subject.start(ports => clusterCorefile(ports, more))
    const file = join(subject.folder, 'long')
    writeFileSync(file, names.map(one => `${one} A\n`).join(''))
    const { name, address, port, pid } = subject
    let rcodes = ''
    const run = await whileFlooded(subject, FLOOD_S, async () => {
      const load = { file, perSecond: isLong ? 10_000 : 4000, seconds: FLOOD_S - 0.5 }
      const { lost, rcodes: found, answered } = await paced({ name, address, port, pid }, load)
      rcodes = [...found].map(([rcode, count]) => `${count} ${rcode}`).join(', ')
      equal(lost, 0)
      ok((found.get('NOERROR') ?? 0) + (found.get('NXDOMAIN') ?? 0) === answered, rcodes)
    })
    judge(note, run, 64)
    note(`long names: ${rcodes}, ${upstream.asked} asked upstream`)
    upstream.close()
    rmSync(folder, { recursive: true })
    await subject.stop()
  },
  TIMEOUT,
)
