/** Questions to the cluster of objects.ts, with whole replies as text. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { text } from '../../harness/message.ts'
import { type Cluster, clusterOf } from './cluster.ts'
import { objects } from './objects.ts'

export const SOA = 'cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 1800 86400 30'
export const nodata = `NOERROR aa rd\n;; AUTHORITY\n${SOA}`
export const nxdomain = `NXDOMAIN aa rd\n;; AUTHORITY\n${SOA}`

export interface Row {
  /** What the row shows. */
  name: string
  ask: string
  type?: string
  is: string
  body?: string
}

const clusters = new Map<string, Cluster>()

export function clusterWith(body: string): Cluster {
  const known = clusters.get(body) ?? clusterOf({ body: `ttl 30\n${body}`, objects })
  known.index.serial = 7
  clusters.set(body, known)
  return known
}

/** One test for each row. */
export function testRows(rows: readonly Row[]): void {
  for (const { name, ask, type = 'A', is, body = '' } of rows) {
    test(`${name}: ${ask} ${type}`, async () => {
      assert.is(await clusterWith(body).ask(ask, { type }), text`${is}`)
    })
  }
}
