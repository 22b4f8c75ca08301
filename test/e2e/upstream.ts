/**
 * The name server outside: what a node's resolv.conf points at. Runs as a process of its own in a pod's namespace
 * (`node upstream.ts ADDRESS`) and prints each query as a line of JSON, so that tests see who was asked, and how.
 */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import packet, { type Answer, type DecodedPacket, type Question } from 'dns-packet'
import { framed, unframed } from '../harness/frames.ts'

export interface Asked {
  transport: 'udp' | 'tcp'
  name: string
  type: string
}

const PORT = 53
const UDP_BYTES = 1232
/** Too long for any UDP answer that a test asks for. */
export const LONG_TEXT_BYTES = 4000

const SOA: Answer = {
  type: 'SOA',
  name: 'test',
  ttl: 60,
  data: {
    mname: 'ns.test',
    rname: 'hostmaster.test',
    serial: 1,
    refresh: 3600,
    retry: 600,
    expire: 86400,
    minimum: 60,
  },
}

/** Owner names in lower case. Anything else is NXDOMAIN. */
const RECORDS: readonly Answer[] = [
  { type: 'A', name: 'www.example.test', ttl: 300, data: '198.51.100.1' },
  { type: 'AAAA', name: 'www.example.test', ttl: 300, data: '2001:db8::1' },
  { type: 'A', name: 'direct.example.test', ttl: 300, data: '198.51.100.2' },
  { type: 'A', name: 'target.example.test', ttl: 300, data: '198.51.100.7' },
  { type: 'A', name: 'moved.example.test', ttl: 300, data: '198.51.100.8' },
  { type: 'CNAME', name: 'alias.example.test', ttl: 300, data: 'www.example.test' },
  { type: 'PTR', name: '1.100.51.198.in-addr.arpa', ttl: 300, data: 'www.example.test' },
  { type: 'A', name: 'google.com', ttl: 300, data: '198.51.100.20' },
  { type: 'A', name: 'metadata.google.internal', ttl: 300, data: '169.254.169.254' },
  { type: 'A', name: 'dns.google', ttl: 300, data: '8.8.8.8' },
  { type: 'AAAA', name: 'dns.google', ttl: 300, data: '2001:4860:4860::8888' },
  { type: 'PTR', name: '8.8.8.8.in-addr.arpa', ttl: 300, data: 'dns.google' },
  { type: 'PTR', name: `8.8.8.8${'.0'.repeat(16)}.0.6.8.4.0.6.8.4.1.0.0.2.ip6.arpa`, ttl: 300, data: 'dns.google' },
  { type: 'TXT', name: 'long.example.test', ttl: 300, data: longText() },
]

function longText(): string[] {
  return Array.from({ length: LONG_TEXT_BYTES / 250 }, (_, i) => String(i).padStart(250, '.'))
}

function find({ name, type }: Question): { rcode: number; answers: Answer[] } {
  const owner = name.toLowerCase()
  // A trap: whoever asks the outside about private addresses gets an answer, and a wrong one.
  if (/(^|\.)(10|168\.192)\.in-addr\.arpa$|(^|\.)d\.f\.ip6\.arpa$/.test(owner)) {
    return { rcode: 0, answers: [{ type: 'PTR', name, ttl: 60, data: 'leaked.example.test' }] }
  }
  const there = RECORDS.filter(record => record.name === owner)
  const alias = there[0]
  if (alias?.type === 'CNAME' && type !== 'CNAME') {
    const { answers } = find({ name: alias.data, type })
    return { rcode: 0, answers: [{ ...alias, name }, ...answers] }
  }
  const answers = there.filter(record => record.type === type).map(record => ({ ...record, name }) as Answer)
  return { rcode: there.length > 0 ? 0 : 3, answers }
}

function reply(query: DecodedPacket, transport: Asked['transport']): Buffer {
  const question = query.questions![0]!
  console.log(JSON.stringify({ transport, name: question.name, type: question.type } satisfies Asked))
  const { rcode, answers } = find(question)
  const edns = query.additionals!.some(record => record.type === 'OPT')
  const message = (records: Answer[], truncated: boolean): Buffer =>
    packet.encode({
      type: 'response',
      id: query.id ?? 0,
      flags:
        packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | (truncated ? packet.TRUNCATED_RESPONSE : 0) | rcode,
      questions: [question],
      answers: records,
      authorities: records.length === 0 && !truncated ? [SOA] : [],
      additionals: edns ? [{ type: 'OPT', name: '.', udpPayloadSize: UDP_BYTES, flags: 0, options: [] } as never] : [],
    })
  const whole = message(answers, false)
  return transport === 'udp' && whole.length > UDP_BYTES ? message([], true) : whole
}

function serve(address: string): void {
  const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  udp.on('message', (bytes, peer) => udp.send(reply(packet.decode(bytes), 'udp'), peer.port, peer.address))
  udp.bind(PORT, address)
  const tcp = createServer(socket => {
    socket.on('error', () => socket.destroy())
    socket.on(
      'data',
      unframed(message => socket.write(framed(reply(packet.decode(message), 'tcp')))),
    )
  })
  tcp.listen(PORT, address, () => console.log('listening'))
}

if (import.meta.main) serve(process.argv[2]!)
