/**
 * Questions: `dig` and `nslookup` as a person in a pod puts them, and a UDP client of our own for questions that are
 * repeated every few milliseconds.
 */
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import packet from 'dns-packet'
import type { Output } from '../harness/process.ts'
import type { Pod } from './netns.ts'

export interface Rr {
  name: string
  ttl: number
  type: string
  data: string
}

export interface Reply {
  /** As dig writes it: NOERROR, NXDOMAIN, SERVFAIL. */
  rcode: string
  /** qr, aa, tc, rd, ra, ad, cd. */
  flags: string[]
  answer: Rr[]
  authority: Rr[]
  additional: Rr[]
  /** What dig printed. */
  text: string
}

/** Runs dig in `pod`; without `@server` it goes by the pod's resolv.conf. The last message it prints is the reply. */
export async function dig(pod: Pod, ...args: string[]): Promise<Reply> {
  const { code, stdout, stderr } = await pod.run('dig', ['+tries=1', '+time=5', ...args])
  if (code !== 0) throw new Error(`dig ${args.join(' ')} ended with code ${code}\n${stdout}${stderr}`)
  return parseDig(stdout)
}

export function nslookup(pod: Pod, ...args: string[]): Promise<Output> {
  return pod.run('nslookup', args)
}

function parseDig(text: string): Reply {
  const reply: Reply = { rcode: '', flags: [], answer: [], authority: [], additional: [], text }
  let section: Rr[] | undefined
  for (const line of text.split('\n')) {
    const status = /status: ([A-Z]+)/.exec(line)
    if (status) {
      Object.assign(reply, { rcode: status[1], answer: [], authority: [], additional: [] })
      section = undefined
    }
    const flags = /^;; flags: ([a-z ]*);/.exec(line)
    if (flags) reply.flags = flags[1]!.split(' ')
    const heading = /^;; (ANSWER|AUTHORITY|ADDITIONAL) SECTION:/.exec(line)
    if (heading) section = reply[heading[1]!.toLowerCase() as 'answer' | 'authority' | 'additional']
    else if (line === '') section = undefined
    else if (section && !line.startsWith(';')) {
      const [name, ttl, , type, ...data] = line.split(/\s+/)
      section.push({ name: name!, ttl: Number(ttl), type: type!, data: data.join(' ') })
    }
  }
  return reply
}

export interface Answer {
  rcode: string
  /** A, AAAA, PTR, CNAME data, as dns-packet decodes it, in the order they came. */
  data: string[]
}

/** One question over UDP from the suite's own namespace. Rejects when there is no reply within `ms`. */
export async function ask(ip: string, name: string, type: 'A' | 'AAAA' | 'PTR' | 'TXT', ms = 2000): Promise<Answer> {
  const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4')
  const id = randomInt(0x10000)
  const query = packet.encode({ type: 'query', id, flags: packet.RECURSION_DESIRED, questions: [{ type, name }] })
  try {
    const deadline = AbortSignal.timeout(ms)
    // Connected, so that a closed port is an error at once.
    socket.connect(53, ip)
    await once(socket, 'connect', { signal: deadline })
    socket.send(query)
    for (;;) {
      const [bytes] = (await once(socket, 'message', { signal: deadline })) as [Buffer]
      const reply = packet.decode(bytes)
      if (reply.id !== id) continue
      return { rcode: (reply as { rcode?: string }).rcode ?? '', data: (reply.answers ?? []).map(dataOf) }
    }
  } catch (cause) {
    const reason = deadlinePassed(cause) ? `no reply in ${ms} ms` : String(cause)
    throw new Error(`${name} ${type} @${ip}: ${reason}`, { cause })
  } finally {
    socket.close()
  }
}

function deadlinePassed(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

function dataOf(record: { type: string; data?: unknown }): string {
  return typeof record.data === 'string' ? record.data : JSON.stringify(record.data)
}
