/**
 * Replies of every kind, read by others: tshark's dissector finds nothing to complain of and reads what dns-packet reads, and kdig
 * takes them without a warning.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { typeCode } from '../../../server/wire/codes.ts'
import { run } from '../../harness/process.ts'
import { test } from '../../harness/suite.ts'
import { read } from '../../rfc/reading.ts'
import { WORK_DIR } from '../netns.ts'
import { Capture } from '../pcap.ts'
import { bigHosts, fetchReplies, KINDS, type Kind } from '../replies.ts'
import { type Dissected, dissect, missing } from '../tshark.ts'
import { startServer } from '../world.ts'

const COREFILE = `.:53 {
    errors
    ready
    nsid readers
    chaos
    transfer cluster.local {
        to *
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        ttl 30
        fallthrough in-addr.arpa ip6.arpa
    }
    hosts /etc/big.hosts big.test {
        fallthrough
    }
    cache 30
    forward . /etc/resolv.conf
}
dead.test:53 {
    errors
    cache 30
    forward . 127.0.0.1:1
}
`
const COREDNS = 'knows neither its options nor its limits'
const MIN_KINDS = 40
const STATUS: Readonly<Record<number, string>> = { 0: 'NOERROR', 2: 'SERVFAIL', 3: 'NXDOMAIN' }

/** Runs with a server of its own that has all that `KINDS` ask for. */
async function withServer(name: string, run: (ip: string) => Promise<void>): Promise<void> {
  const server = await startServer(name, { corefile: COREFILE, files: { 'big.hosts': bigHosts() } })
  await server.ready()
  await run(server.ip)
  await server.stop()
}

interface Captured {
  kind: Kind
  frame: number
  message: Uint8Array
}

interface Record_ {
  name: string
  type: string
  ttl: number
  data: string & { target: string } & (string | Buffer)[]
}

/** What dns-packet reads, in the form of tshark. */
function expected({ frame, message }: Captured): Omit<Dissected, 'flags' | 'counts'> {
  const { sections, opt } = read(message)
  const records = sections.flat() as Record_[]
  const of = (...types: string[]) => types.flatMap(type => records.filter(record => record.type === type))
  return {
    frame,
    id: Buffer.from(message).readUInt16BE(0),
    names: [...records.filter(({ type }) => type !== 'SRV').map(({ name }) => name), ...(opt ? ['<Root>'] : [])],
    types: [...records.map(({ type }) => typeCode(type)!), ...(opt ? [typeCode('OPT')!] : [])],
    ttls: records.map(({ ttl }) => ttl),
    addresses: of('A', 'AAAA').map(({ data }) => data),
    targets: [...of('CNAME', 'PTR', 'NS').map(({ data }) => data), ...of('SRV').map(({ data }) => data.target)],
    texts: of('TXT').flatMap(({ data }) => [data].flat().map(String)),
    options: opt?.options.map(({ code }) => code) ?? [],
    complaints: [],
  }
}

test(
  'readers: tshark reads every kind of reply as dns-packet does, and has no complaint',
  note =>
    withServer('tshark', async ip => {
      const fetched = await fetchReplies(ip)
      const capture = new Capture()
      const captured: Captured[] = fetched.flatMap(({ kind, parts }) => {
        const frames = kind.over === 'udp' ? [capture.datagrams(parts)] : capture.connection(parts).slice(1)
        return frames.map((frame, i) => ({ kind, frame, message: parts[i + 1]!.message }))
      })
      // A reply that counts a record too many, to see that there is one who complains.
      const broken = Buffer.from(captured[0]!.message)
      broken[7]! += 1
      const brokenFrame = capture.datagrams([{ toServer: false, message: broken }])
      const file = join(WORK_DIR, 'replies.pcap')
      writeFileSync(file, capture.bytes())

      const dissected = await dissect(file)
      ok(captured.length > MIN_KINDS)
      for (const one of captured) {
        const found = dissected.get(one.frame)
        ok(found, `${one.kind.name}: tshark sees no message`)
        const { flags, counts, ...rest } = found
        deepEqual(rest, expected(one), one.kind.name)
        equal(flags, Buffer.from(one.message).readUInt16BE(2), one.kind.name)
        const { rcode, octets } = read(one.message)
        deepEqual(
          counts,
          [4, 6, 8, 10].map(at => Buffer.from(octets).readUInt16BE(at)),
        )
        equal(flags & 15, one.kind.rcode & 15, `${one.kind.name}: ${rcode}`)
      }
      ok(dissected.get(brokenFrame)!.complaints.length > 0)
      note(`${captured.length} messages, ${captured.reduce((sum, { message }) => sum + message.length, 0)} octets`)
    }),
  { skip: await missing('tshark', '--version'), coredns: COREDNS },
)

test(
  'readers: kdig takes every kind of reply without a warning',
  note =>
    withServer('kdig', async ip => {
      let asked = 0
      for (const { name, kdig, rcode, isTransfer } of KINDS) {
        if (kdig === undefined) continue
        const { code, stdout, stderr } = await run('kdig', [`@${ip}`, '+time=5', '+retry=0', ...kdig.split(' ')])
        const output = stdout + stderr
        equal(code, 0, `${name}: ${output}`)
        ok(!/warning|error:|malformed/i.test(output), `${name}: ${output}`)
        if (isTransfer) match(output, /;; Received \d+ B \(\d+ messages, \d+ records\)/)
        else match(output, new RegExp(`status: ${STATUS[rcode]};`), name)
        asked++
      }
      ok(asked > MIN_KINDS / 2)
      note(`${asked} questions`)
    }),
  { skip: await missing('kdig', '--version'), coredns: COREDNS },
)
