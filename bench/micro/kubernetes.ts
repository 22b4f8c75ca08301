/** A cluster query by kind of question: the look-up in the index, composing, encoding, and the whole of `serve`. */
import { Lookup } from '../../plugins/kubernetes/lookup.ts'
import { Zones } from '../../plugins/kubernetes/zones.ts'
import type { Answer } from '../../server/plugin.ts'
import { encode } from '../../server/wire/encode.ts'
import { Query, readQuery } from '../../server/wire/query.ts'
import { type Cluster, settingsOf } from '../../test/plugins/kubernetes/cluster.ts'
import { type Asked, BY_KIND, kubeCluster, MIX, verifyMix } from './cluster.ts'
import type { Case } from './harness.ts'
import { serving } from './in-process.ts'
import { readInto as q, reading } from './wire.ts'

const UDP_BYTES = 1232
const SLOT_BYTES = 4096
/** Answers that are encoded in turns, as a batch has them. */
const ANSWERS = 64
const nobody = (): Answer => {
  throw new Error('a question of the mix left the stage')
}

export function kubernetesCases(): Case[] {
  const cluster = kubeCluster()
  verifyMix(cluster.routes)
  const { stage, feed, routes } = cluster
  const settings = settingsOf('cluster.local in-addr.arpa ip6.arpa', 'pods insecure\nfallthrough in-addr.arpa ip6.arpa')
  const zones = new Zones(settings)
  const found = new Lookup(feed.indexes, zones, settings)
  const lookUp = () => found.find(q, zones.match(q)!, zones.left)
  const compose = () => stage.handle(q, nobody)
  const kinds = [{ ...MIX, name: 'the kube mix' }, ...BY_KIND]
  return kinds.flatMap(({ name, messages, ...rest }) => {
    const read = reading(`readQuery, ${name}`, messages)
    const looked = reading(`look-up, ${name}`, messages, lookUp, read)
    return [
      looked,
      reading(`composing, ${name}`, messages, compose, { ...looked, name: 'all before' }),
      encoding(`encoding, ${name}`, cluster, { messages, ...rest }),
      serving(`serve, ${name}`, routes, messages),
    ]
  })
}

/** Writes the replies to composed answers over their questions, again and again: the same octets each time. */
function encoding(name: string, { stage }: Cluster, { messages }: Asked): Case {
  const composed = messages.slice(0, ANSWERS).map(message => {
    const query = new Query()
    query.bytes = new Uint8Array(SLOT_BYTES)
    query.bytes.set(message)
    query.length = message.length
    query.capacity = SLOT_BYTES
    readQuery(query)
    return { query, answer: stage.handle(query, nobody) as Answer }
  })
  const run = (times: number) => {
    for (let i = 0; i < times; i++) {
      const { query, answer } = composed[i % composed.length]!
      encode(query, answer, query.bytes, query.start, SLOT_BYTES, UDP_BYTES, false)
    }
  }
  return { name, run }
}
