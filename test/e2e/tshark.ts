/** What tshark's dissector reads in a capture of DNS messages, frame by frame. */
import { must, run } from '../harness/process.ts'

/** One message. Lists are in the order of the message, records of all sections in one. */
export interface Dissected {
  readonly frame: number
  readonly id: number
  readonly flags: number
  /** Question, answer, authority, additional. */
  readonly counts: readonly number[]
  /** Owners; those of SRV records it takes apart in a way of its own. */
  readonly names: readonly string[]
  readonly types: readonly number[]
  /** The OPT has none. */
  readonly ttls: readonly number[]
  readonly addresses: readonly string[]
  /** Targets of CNAME, PTR, NS and SRV records. */
  readonly targets: readonly string[]
  readonly texts: readonly string[]
  /** Codes of EDNS options. */
  readonly options: readonly number[]
  /** Expert items of severity warning or error, and what could not be dissected. */
  readonly complaints: readonly string[]
}

const WARNING = 0x600000
const BETWEEN = '|' // the values of a field: in no name and no text here
const FIELDS = [
  'frame.number',
  'dns.id',
  'dns.flags',
  'dns.count.queries',
  'dns.count.answers',
  'dns.count.auth_rr',
  'dns.count.add_rr',
  'dns.resp.name',
  'dns.resp.type',
  'dns.resp.ttl',
  'dns.a',
  'dns.aaaa',
  'dns.cname',
  'dns.ptr.domain_name',
  'dns.ns',
  'dns.srv.target',
  'dns.txt',
  'dns.opt.code',
  '_ws.malformed',
  '_ws.expert.severity',
  '_ws.expert.message',
] as const

/** The messages in the capture `file`, by the frame in which each ends. */
export async function dissect(file: string): Promise<Map<number, Dissected>> {
  const fields = FIELDS.flatMap(field => ['-e', field])
  const form = ['-T', 'fields', '-E', 'separator=/t', '-E', `aggregator=${BETWEEN}`, '-E', 'occurrence=a']
  const output = await must('tshark', ['-n', '-r', file, '-Y', 'dns', ...form, ...fields])
  const rows = output.split('\n').filter(line => line !== '')
  return new Map(rows.map(row => read(row.split('\t'))).map(message => [message.frame, message]))
}

function read(row: readonly string[]): Dissected {
  const of = (field: (typeof FIELDS)[number]) => row[FIELDS.indexOf(field)] ?? ''
  const list = (field: (typeof FIELDS)[number]) => (of(field) === '' ? [] : of(field).split(BETWEEN))
  const numbers = (field: (typeof FIELDS)[number]) => list(field).map(Number)
  const isSevere = numbers('_ws.expert.severity').some(severity => severity >= WARNING)
  return {
    frame: Number(of('frame.number')),
    id: Number(of('dns.id')),
    flags: Number(of('dns.flags')),
    counts: (['queries', 'answers', 'auth_rr', 'add_rr'] as const).map(section => Number(of(`dns.count.${section}`))),
    names: list('dns.resp.name'),
    types: numbers('dns.resp.type'),
    ttls: numbers('dns.resp.ttl'),
    addresses: [...list('dns.a'), ...list('dns.aaaa')],
    targets: [...list('dns.cname'), ...list('dns.ptr.domain_name'), ...list('dns.ns'), ...list('dns.srv.target')],
    texts: list('dns.txt'),
    options: numbers('dns.opt.code'),
    complaints: [
      ...(of('_ws.malformed') === '' ? [] : [`malformed: ${of('_ws.malformed')}`]),
      ...(isSevere ? [of('_ws.expert.message')] : []),
    ],
  }
}

/** Why it cannot be asked; undefined where it can. */
export async function missing(command: string, ...args: string[]): Promise<string | undefined> {
  try {
    const { code } = await run(command, args)
    return code === 0 ? undefined : `${command} does not run`
  } catch {
    return `${command} is not on this machine`
  }
}
