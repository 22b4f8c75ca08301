/** Clusters whose zones may be transferred: a stage for `transfer` before that of the cluster. */
import { plugin } from '../../../plugins/transfer/transfer.ts'
import { parseCorefile } from '../../../server/corefile/corefile.ts'
import { Directive } from '../../../server/corefile/directive.ts'
import type { Stage } from '../../../server/plugin.ts'
import { query, readReply, recordText } from '../../harness/message.ts'
import { testSite, wire } from '../../harness/stage.ts'
import { type ClusterOptions, clusterOf, namespace, service, slice } from './cluster.ts'
import { objects } from './objects.ts'

export const ZONE = 'cluster.local'

/** A cluster that may be transferred. */
export function clusterWith(options: ClusterOptions = {}) {
  const cluster = clusterOf({ objects, ...options })
  const stages: Stage[] = []
  const names = ['transfer', 'kubernetes']
  const { directives } = parseCorefile('. {\ntransfer {\nto *\n}\n}', 'Corefile').blocks[0]!
  stages.push(plugin.setup(new Directive(directives), testSite(stages, names)), cluster.stage)
  for (const stage of stages) stage.link?.()
  const chain = wire(stages, '.', names)
  return {
    ...cluster,
    ...chain,
    /** The messages, and their records in order. */
    async transfer(zone = ZONE, taken?: () => void) {
      const messages = await chain.sendAll(query(zone, { type: 'AXFR' }), taken)
      const replies = messages.map(readReply)
      return { messages, replies, records: replies.flatMap(({ answers }) => (answers ?? []).map(recordText)) }
    },
  }
}

export const ENDPOINTS = 12_000
export const LARGE = [
  namespace('prod'),
  ...Array.from({ length: 3000 }, (_, i) => service(`s-${i}.prod`, [`10.96.${i >> 8}.${i & 255}`], ['http:tcp:80'])),
  service('huge.prod', [], ['http:tcp:80']),
  ...Array.from({ length: ENDPOINTS / 100 }, (_, i) =>
    slice(
      `huge-${i}.prod`,
      'huge',
      Array.from({ length: 100 }, (_, j) => `10.${128 + (i >> 8)}.${i & 255}.${j}${j % 2 === 0 ? '' : `=e-${i}-${j}`}`),
      ['http:tcp:80', 'metrics:tcp:9100'],
    ),
  ),
]
