/** The world outside the cluster: a scripted name server, with a reply for each kind of name that the clusters lead to. */
import { type Asked, type FakeUpstream, fakeUpstream } from '../harness/fake-upstream.ts'
import { encodeName, type Labels, labelsOf, nameText, TYPE, u16 } from './dns.ts'

const A = Buffer.from([198, 51, 100, 1])
const AAAA = Buffer.from('20010db8000000000000000000000001', 'hex')

interface Record {
  owner: Buffer
  type: number
  ttl: number
  data: Buffer
}

const NXDOMAIN = 3
const nameOf = (text: string): Buffer => encodeName(labelsOf(text))
/** Less than the TTL of its SOA records. */
export const SOA_MINIMUM = 15
const www: Record[] = [
  { owner: nameOf('www.example.com'), type: TYPE.A, ttl: 300, data: A },
  { owner: nameOf('www.example.com'), type: TYPE.AAAA, ttl: 20, data: AAAA },
]
const alias: Record[] = [
  { owner: nameOf('alias.example.com'), type: TYPE.CNAME, ttl: 60, data: encodeName(labelsOf('www.example.com')) },
]
/** More than 512 octets, and more than 1,232. */
const big: Record[] = Array.from({ length: 120 }, (_, i) => ({
  owner: nameOf('big.example.com'),
  type: TYPE.A,
  ttl: 300,
  data: Buffer.from([198, 51, 100, i]),
}))
/** Of the top-level domain. One name has another zone's, as who lies would send it. */
function soaFor(labels: Labels): Record {
  const owner = nameText(labels).toLowerCase().startsWith('liar.') ? labelsOf('invalid') : labels.slice(-1)
  const names = ['ns', 'hostmaster'].map(label => encodeName([Buffer.from(label), ...owner]))
  const data = Buffer.concat([...names, ...[1, 7200, 1800, 86_400, SOA_MINIMUM].map(u32)])
  return { owner: encodeName(owner), type: TYPE.SOA, ttl: 600, data }
}

/** The name asked for, whatever its octets. */
function questionLabels(question: Uint8Array): Buffer[] {
  const labels: Buffer[] = []
  for (let at = 0; question[at] !== 0; at += question[at]! + 1) {
    labels.push(Buffer.from(question.subarray(at + 1, at + 1 + question[at]!)))
  }
  return labels
}

function u32(value: number): Buffer {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(value)
  return octets
}

interface Found {
  rcode: number
  answer: Record[]
}

function find(name: string, type: string): Found {
  const code = TYPE[type as keyof typeof TYPE]
  const of = (records: Record[]): Record[] => records.filter(record => record.type === code)
  switch (name.toLowerCase()) {
    case 'www.example.com.':
      return { rcode: 0, answer: of(www) }
    case 'alias.example.com.':
      return { rcode: 0, answer: [...alias, ...of(www)] }
    case 'big.example.com.':
      return { rcode: 0, answer: of(big) }
    case 'nodata.example.com.':
    case '1.100.51.198.in-addr.arpa.':
      return { rcode: 0, answer: [] }
    case 'fails.example.com.':
      return { rcode: 2, answer: [] }
    case 'refused.example.com.':
      return { rcode: 5, answer: [] }
    default:
      return { rcode: NXDOMAIN, answer: [] }
  }
}

/** Octets of the first question, as they came: the reply repeats them whatever they are. */
function questionOctets(query: Uint8Array): Uint8Array {
  let at = 12
  while (query[at] !== 0) at += query[at]! + 1
  return query.subarray(12, at + 5)
}

function reply(asked: Asked): Uint8Array {
  const question = questionOctets(asked.octets)
  const labels = questionLabels(question)
  const name = nameText(labels)
  const { rcode, answer } = find(name, asked.type)
  const encode = ({ owner, type, ttl, data }: Record): Buffer =>
    Buffer.concat([owner, u16(type), u16(1), u32(ttl), u16(data.length), data])
  const build = (records: Record[], authority: Record[], tc: boolean): Buffer =>
    Buffer.concat([
      u16(asked.id),
      // Authoritative for some names, as the servers of an organisation are.
      Buffer.from([0x80 | (name.endsWith('example.com.') ? 4 : 0) | (tc ? 2 : 0) | (asked.rd ? 1 : 0), 0x80 | rcode]),
      ...[1, records.length, authority.length, 0].map(u16),
      question,
      ...records.map(encode),
      ...authority.map(encode),
    ])
  const isAnswered = answer.length > 0 && (['CNAME', 'ANY'].includes(asked.type) || answer.at(-1)!.type !== TYPE.CNAME)
  const denies = !isAnswered && (rcode === 0 || rcode === NXDOMAIN)
  const whole = build(answer, denies ? [soaFor(labels)] : [], false)
  const fits = asked.transport === 'tcp' || whole.length <= Math.max(512, asked.edns ?? 0)
  return fits ? whole : build([], [], true)
}

export function startUpstream(): Promise<FakeUpstream> {
  return fakeUpstream(reply)
}
