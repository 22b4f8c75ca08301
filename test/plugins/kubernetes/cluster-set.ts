/** The cluster with a cluster set that the multicluster tables ask about, and how a row is asked. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Json } from '../../../plugins/kubernetes/object/object.ts'
import { text } from '../../harness/message.ts'
import { type Cluster, clusterOf, importedSlice, namespace, pod, service, serviceImport, slice } from './cluster.ts'

export const ZONES = 'cluster.local clusterset.local in-addr.arpa ip6.arpa'
const BODY = 'ttl 30\nmulticluster clusterset.local'
const soaOf = (zone: string, serial: number) =>
  `${zone}. 30 IN SOA ns.dns.${zone}. hostmaster.${zone}. ${serial} 7200 1800 86400 30`
export const SOA = soaOf('clusterset.local', 8)
export const nodata = `NOERROR aa rd\n;; AUTHORITY\n${SOA}`
export const nxdomain = `NXDOMAIN aa rd\n;; AUTHORITY\n${SOA}`
/** NXDOMAIN of a zone of this cluster, which has a serial of its own. */
export const nxdomainIn = (zone: string) => `NXDOMAIN aa rd\n;; AUTHORITY\n${soaOf(zone, 7)}`

export const objects: readonly Json[] = [
  namespace('prod'),
  namespace('kube-system'),
  service('web.prod', ['10.96.0.1'], ['http:tcp:80']),
  slice('web-1.prod', 'web', ['10.244.0.9=web-0'], ['http:tcp:80']),
  serviceImport('web.prod', ['10.112.0.1'], ['http:tcp:80', ':tcp:5000']),
  importedSlice('web-east.prod', 'web', 'east', ['10.1.0.1=web-0', '10.1.0.2'], ['http:tcp:8080']),
  serviceImport('dual.prod', ['10.112.0.2', 'fd00:112::2'], ['http:tcp:80']),
  serviceImport('portless.prod', ['10.112.0.3']),
  serviceImport('pending.prod', [], []),
  serviceImport('db.prod', [], ['pg:tcp:5432']),
  importedSlice('db-east-1.prod', 'db', 'east', ['10.1.0.5=db-0', '10.1.0.6', '!10.1.0.7=db-2'], ['pg:tcp:5432']),
  importedSlice('db-east-2.prod', 'db', 'east', ['fd00:1::5=db-0'], ['pg:tcp:5432']),
  importedSlice('db-west-1.prod', 'db', 'WEST', ['10.2.0.5=db-0', '10.1.0.6@db-9'], ['pg:tcp:5432']),
  serviceImport('quiet.prod', []),
  importedSlice('quiet-east.prod', 'quiet', 'east', ['10.1.0.8']),
  serviceImport('split.prod', [], ['a:tcp:1']),
  importedSlice('split-1.prod', 'split', 'one.reg', ['10.3.0.1=x'], ['a:tcp:1']),
  importedSlice('split-2.prod', 'split', 'two.reg', ['10.3.0.2=x'], ['a:tcp:1']),
  serviceImport('stray.prod', [], ['a:tcp:1']),
  importedSlice('stray-1.prod', 'stray', '', ['10.4.0.1=x', '10.4.0.2'], ['a:tcp:1']),
  serviceImport('lost.nowhere', ['10.112.9.9'], ['http:tcp:80']),
  importedSlice('orphan-1.prod', 'orphan', 'east', ['10.1.9.9'], ['a:tcp:1']),
  pod('web-0.prod', '10.244.0.9'),
]

const clusters = new Map<string, Cluster>()

function clusterSetWith(body = '', zones = ZONES): Cluster {
  const key = `${zones}\n${body}`
  const known = clusters.get(key) ?? clusterOf({ zones, body: `${BODY}\n${body}`, objects })
  known.index.serial = 7
  known.feed.indexes.clusterSet!.serial = 8
  clusters.set(key, known)
  return known
}

export interface Row {
  name: string
  ask: string
  type?: string
  body?: string
  zones?: string
  is: string
}

/** One test for each row, asked over TCP. */
export function testRows(rows: readonly Row[]): void {
  for (const { name, ask, type = 'A', body, zones, is } of rows) {
    test(`${name}: ${ask} ${type}`, async () => {
      assert.is(await clusterSetWith(body, zones).ask(ask, { type }, true), text`${is}`)
    })
  }
}
