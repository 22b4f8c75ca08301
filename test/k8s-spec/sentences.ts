/**
 * The sentences of the Kubernetes DNS specification 1.1.0 as rows: a file for each section, a row for each thing that a
 * sentence demands, with the question put to the `kubernetes` stage and the whole reply as text. Names and addresses are
 * those of the specification's own examples.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Json } from '../../plugins/kubernetes/object/object.ts'
import type { Stage } from '../../server/plugin.ts'
import { text } from '../harness/message.ts'
import { type Cluster, clusterOf, namespace } from '../plugins/kubernetes/cluster.ts'

export interface Sentence {
  /** What the specification says there. */
  says: string
  ask: string
  type?: string
  is: string
}

const SERIAL = 7
const SOA = 'cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 1800 86400 30'
export const NODATA = `NOERROR aa rd\n;; AUTHORITY\n${SOA}`
export const NXDOMAIN = `NXDOMAIN aa rd\n;; AUTHORITY\n${SOA}`
/** The PTR of 2001:db8::1, as the specification's examples have it, without `ip6.arpa`. */
export const NIBBLES = '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2'

export function specCluster(objects: readonly Json[], body = '', behind: Stage[] = []): Cluster {
  const cluster = clusterOf({ body: `ttl 30\n${body}`, objects: [namespace('default'), ...objects], behind })
  cluster.index.serial = SERIAL
  return cluster
}

/** A test for each sentence of a section, over UDP and TCP. */
export function section(number: string, cluster: Cluster, sentences: readonly Sentence[]): void {
  for (const { says, ask, type = 'A', is } of sentences) {
    test(`k8s-dns §${number}: ${says}: ${ask} ${type}`, async () => {
      for (const stream of [false, true]) {
        assert.is(inOrder(await cluster.ask(ask, { type }, stream)), inOrder(text`${is}`))
      }
    })
  }
}

/** The specification orders no records, but a CNAME goes before what it leads to (RFC 1034 §3.6.2). */
function inOrder(reply: string): string {
  const isAnswer = (line: string) => !line.startsWith(';;') && line.includes(' IN ')
  const lines = reply.split('\n')
  for (let from = 0; from < lines.length; from++) {
    let to = from
    while (to < lines.length && isAnswer(lines[to]!)) to++
    const records = lines.slice(from, to)
    if (records.some(record => record.includes(' IN CNAME '))) return reply
    lines.splice(from, to - from, ...records.sort())
    from = to
  }
  return lines.join('\n')
}
