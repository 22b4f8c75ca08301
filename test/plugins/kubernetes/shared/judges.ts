/**
 * Questions about the cluster of world.ts while it changes, and what no state of it would have answered. A generation is a
 * number that all of an object says: its addresses end in it, and its ports count from it.
 */
import type { Reply } from '../../../harness/message.ts'

const ZONE = 'svc.cluster.local'

export interface Judge {
  readonly name: string
  readonly type: string
  /** The client; 192.0.2.9 if not given. */
  readonly from?: string
  /** The generation that was answered, Infinity for what has none; a text says what is wrong. */
  check(reply: Reply): number | string
}

interface Data {
  readonly port: number
  readonly target: string
}

function recordsOf(records: Reply['answers'], type: string): { name: string; data: unknown }[] {
  return (records ?? []).filter(record => record.type === type) as { name: string; data: unknown }[]
}

function addressesOf(records: Reply['answers'], type = 'A'): string[] {
  return recordsOf(records, type).map(({ data }) => String(data))
}

/** What the last two octets of an address say. */
function generationOf(address: string): number {
  if (address.includes(':')) return Number.parseInt(address.split(':').at(-1)!, 16)
  const [, , high, low] = address.split('.').map(Number)
  return high! * 256 + low!
}

/** The one generation of some numbers, a text where there are several, or none. */
function only(generations: readonly number[]): number | string {
  const [first = 'nothing', ...others] = new Set(generations)
  return others.length === 0 ? first : `torn: generations ${[first, ...others].join(', ')}`
}

function exists({ rcode, answers }: Reply, wanted: readonly string[]): number | string {
  if (rcode !== 'NOERROR') return rcode
  const found = (answers ?? []).map(record => ('data' in record ? String(record.data) : ''))
  const missing = wanted.filter(data => !found.includes(data))
  return missing.length === 0 ? Number.POSITIVE_INFINITY : `without ${missing.join(', ')}`
}

/** Two slices of four endpoints each, of which the first one is changed first. */
function checkPair(addresses: readonly string[]): number | string {
  const [a, b] = ['1', '2'].map(slice => addresses.filter(address => address.split('.')[1] === slice))
  if (a!.length !== 4 || b!.length !== 4) return `${a!.length} and ${b!.length} addresses`
  const [ofA, ofB] = [only(a!.map(generationOf)), only(b!.map(generationOf))]
  if (typeof ofA === 'string' || typeof ofB === 'string') return `${ofA}; ${ofB}`
  return ofA === ofB || ofA === ofB + 1 ? ofB : `generations ${ofA} and ${ofB}: never at a time`
}

const always = (name: string, type: string, wanted: readonly string[], from?: string): Judge => ({
  name,
  type,
  ...(from !== undefined && { from }),
  check: reply => exists(reply, wanted),
})

export const judges: Readonly<Record<string, readonly Judge[]>> = {
  service: [
    {
      name: `web.prod.${ZONE}`,
      type: 'SRV',
      check({ rcode, answers, additionals }) {
        const ports = recordsOf(answers, 'SRV').map(({ data }) => (data as Data).port - 1000)
        const extra = [...addressesOf(additionals), ...addressesOf(additionals, 'AAAA')]
        if (ports.length !== 1 || extra.length !== 2) return `${rcode}, ${ports.length} and ${extra.length} records`
        return only([...ports, ...extra.map(generationOf)])
      },
    },
    { name: `web.prod.${ZONE}`, type: 'A', check: reply => only(addressesOf(reply.answers).map(generationOf)) },
    always(`fixed.prod.${ZONE}`, 'A', ['10.8.0.1']),
    always('1.0.8.10.in-addr.arpa', 'PTR', [`fixed.prod.${ZONE}`]),
  ],
  endpoints: [
    { name: `db.prod.${ZONE}`, type: 'A', check: reply => checkPair(addressesOf(reply.answers)) },
    { name: `db.prod.${ZONE}`, type: 'SRV', check: reply => checkPair(addressesOf(reply.additionals)) },
    {
      name: `pair.db.prod.${ZONE}`,
      type: 'A',
      check: ({ answers }) => {
        const addresses = addressesOf(answers)
        return addresses.length === 2 ? only(addresses.map(generationOf)) : `${addresses.length} addresses`
      },
    },
    always(`moved.prod.${ZONE}`, 'A', ['10.9.0.1', '10.9.1.1', '10.9.2.1']),
    always(`10-9-0-1.moved.prod.${ZONE}`, 'A', ['10.9.0.1']),
    always('1.0.9.10.in-addr.arpa', 'PTR', [`10-9-0-1.moved.prod.${ZONE}`]),
  ],
  pods: [
    always('10-7-0-1.prod.pod.cluster.local', 'A', ['10.7.0.1']),
    always(`fixed.prod.prod.${ZONE}`, 'A', ['10.8.0.1'], '10.7.0.1'), // by autopath: the client is pod `one` of `prod`
    { name: `nobody.prod.${ZONE}`, type: 'A', check: ({ rcode }) => (rcode === 'NXDOMAIN' ? Infinity : rcode) },
  ],
  /** What is not synced is not denied, nor what is gone only while it is not. */
  synced: [
    {
      name: `blink.prod.${ZONE}`,
      type: 'A',
      check: ({ rcode }) => (rcode === 'NXDOMAIN' ? rcode : Infinity),
    },
  ],
  transfer: [
    {
      name: 'cluster.local',
      type: 'AXFR',
      check({ answers }) {
        const at = (name: string, type: string) =>
          recordsOf(answers, type)
            .filter(record => record.name === `${name}.prod.${ZONE}`)
            .map(({ data }) => String(data))
        const [fixed, moved] = [at('fixed', 'A'), at('moved', 'A')]
        if (fixed.join() !== '10.8.0.1' || moved.length < 3) return `${fixed.length} fixed, ${moved.length} moved`
        const web = only([...at('web', 'A'), ...at('web', 'AAAA')].map(generationOf))
        if (typeof web === 'string') return web
        const db = checkPair(at('db', 'A'))
        return typeof db === 'string' ? db : Math.min(web, db)
      },
    },
  ],
}
