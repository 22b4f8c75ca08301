/**
 * coredns#8256: a zone with more than one name server's address (a dual-stack service is enough) ended the whole process when
 * it was transferred, one without any held the transfer for ever. coredns#8207: so did a zone whose records came empty.
 *
 * Shown here: such zones go out whole, once; requests of any form are answered or refused; a client that hangs up in the
 * middle costs no place. Nothing is counted as an exception. What is broken within a zone ends in an rcode
 * (test/plugins/transfer.test.ts), since `sendAll` of server/serve.ts takes every failure.
 */
import { equal, ok } from 'node:assert/strict'
import { test } from 'uvu'
import { plugin as transfer } from '../../plugins/transfer/transfer.ts'
import { cells, families } from '../../server/metrics.ts'
import type { Answer, Stage, ZoneTransfer } from '../../server/plugin.ts'
import { QUESTION } from '../../server/plugin.ts'
import { nameFromText } from '../../server/wire/name.ts'
import { query, readReply, recordText } from '../harness/message.ts'
import { chainOf } from '../harness/stage.ts'
import { namespace, service, slice } from '../plugins/kubernetes/cluster.ts'
import { clusterWith, ZONE } from '../plugins/kubernetes/transferred.ts'

const panics = () =>
  [...families.get('coredns_panics_total')!.children.values()].reduce((all, { cell }) => all + cells[cell]!, 0)
let panicsBefore = 0
test.before.each(() => {
  panicsBefore = panics()
})
test.after.each(() => equal(panics(), panicsBefore))

const two = { listen: { addresses: ['127.0.0.1', '::1'], udpBytes: 1232 } }
const servers = [
  namespace('kube-system'),
  service('kube-dns.kube-system', ['10.96.0.10', 'fd00::a'], ['dns:udp:53']),
  slice('kube-dns-4.kube-system', 'kube-dns', ['127.0.0.1'], ['dns:udp:53']),
  { ...slice('kube-dns-6.kube-system', 'kube-dns', ['::1'], ['dns:udp:53']), addressType: 'IPv6' },
]

for (const { name, options, addresses } of [
  { name: 'a service of two addresses leads here', options: { objects: servers, site: two }, addresses: 2 },
  { name: 'none does, and there are two of our own', options: { objects: [namespace('a')], site: two }, addresses: 2 },
  { name: 'an empty cluster', options: { objects: [] }, addresses: 0 },
]) {
  test(`${name}: one NS record for each name, the SOA at both ends`, async () => {
    const { records } = await clusterWith(options).transfer()
    const of = (type: string) => records.filter(record => record.includes(` IN ${type} `))
    equal(of('SOA').length, 2)
    ok(records[0]!.includes(' SOA ') && records.at(-1)!.includes(' SOA '))
    equal(of('NS').length, 1)
    equal(new Set(records.slice(1)).size, records.length - 1)
    const name = of('NS')[0]!.split(' ').at(-1)!
    const glue = records.filter(record => record.startsWith(`${name} `) && / IN A{1,4} /.test(record))
    ok(glue.length >= addresses, records.join('\n'))
  })
}

const SOA = nameFromText('ns.example')
const soa = Uint8Array.from([...SOA, ...SOA, ...new Array<number>(20).fill(1)])

for (const counts of [[0], [0, 0, 0], [0, 1, 0], [1, 0, 0, 1]]) {
  test(`messages of ${counts.join(', ')} records: all that is there, once`, async () => {
    const zone: Stage = {
      transfer: (): ZoneTransfer => {
        let at = 0
        return {
          isCurrent: true,
          soa,
          soaTtl: 5,
          prepare: async () => {},
          fill(a: Answer) {
            for (let i = 0; i < counts[at]!; i++) a.answer.add(QUESTION, 0, 1, 5, Uint8Array.of(10, 0, at, i))
            return ++at < counts.length
          },
        }
      },
    }
    const { sendAll } = chainOf([transfer], 'transfer {\nto *\n}', [zone])
    const messages = await sendAll(query('example', { type: 'AXFR' }))
    const records = messages.flatMap(message => (readReply(message).answers ?? []).map(recordText))
    equal(records.length, counts.reduce((all, count) => all + count) + 2)
  })
}

/** AXFR and IXFR as nobody should ask for them: a name, a type, what follows the question, which counts. */
for (const { name, message } of [
  { name: 'a name below the zone', message: query(`a.${ZONE}`, { type: 'AXFR' }) },
  { name: 'the root', message: query('.', { type: 'AXFR' }) },
  { name: 'a reverse name of one address', message: query('1.0.96.10.in-addr.arpa', { type: 'AXFR' }) },
  { name: 'IXFR without an SOA', message: query(ZONE, { type: 'IXFR' }) },
  { name: 'IXFR with an SOA that breaks off', message: withAuthority('c00c000600010000000000160000') },
  { name: 'IXFR with an A record for an SOA', message: withAuthority('c00c00010001000000000004 0a000001') },
  { name: 'IXFR with an SOA of no length', message: withAuthority('c00c00060001000000000000') },
  {
    name: 'IXFR with an SOA of pointers to itself',
    message: withAuthority('c00c000600010000000000 18 c02dc02d'.replaceAll(' ', '') + '00'.repeat(20)),
  },
]) {
  for (const isStream of [false, true]) {
    test(`${name}, over ${isStream ? 'a stream' : 'UDP'}: answered, and the next one as ever`, async () => {
      const { sendAll, send } = clusterWith({ objects: servers })
      const replies = isStream ? await sendAll(message) : [await send(message)]
      for (const reply of replies) ok(reply.length >= 12 && (reply[3]! & 15) !== 2, `rcode ${reply[3]! & 15}`)
      equal(readReply(await send(query(`kube-dns.kube-system.svc.${ZONE}`))).rcode, 'NOERROR')
    })
  }
}

function withAuthority(hex: string): Buffer {
  const message = Buffer.concat([query(ZONE, { type: 'IXFR' }), Buffer.from(hex.replaceAll(' ', ''), 'hex')])
  message.writeUInt16BE(1, 8)
  return message
}

test.run()
