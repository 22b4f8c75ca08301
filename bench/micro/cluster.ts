/** The cluster of the kube mix in this process, and the questions of the mix as octets, whole and by kind. */

import type { Routes } from '../../server/route.ts'
import { query, readReply } from '../../test/harness/message.ts'
import { type Cluster, clusterOf, namespace, service, slice } from '../../test/plugins/kubernetes/cluster.ts'
import { services } from '../cluster/objects.ts'
import { kubeMix, type Question } from '../mix.ts'
import { KUBE_SIZE } from '../rows/kube.ts'
import { put } from './in-process.ts'

const QUESTIONS = 20_000
const BODY = 'pods insecure\nttl 30\nfallthrough in-addr.arpa ip6.arpa'
const SAMPLE = 1_000

/** A `kubernetes` stage that knows the 1,000 services. */
export function kubeCluster(): Cluster {
  const objects = Array.from({ length: KUBE_SIZE.namespaces }, (_, i) => namespace(`team-${i}`))
  for (const { namespace: team, name, clusterIP, endpoints } of services(KUBE_SIZE)) {
    objects.push(service(`${name}.${team}`, clusterIP === undefined ? [] : [clusterIP], ['http:tcp:80']))
    objects.push(slice(`${name}-a1b2c.${team}`, name, endpoints, ['http:tcp:8080']))
  }
  return clusterOf({ body: BODY, objects })
}

export interface Asked {
  readonly questions: readonly Question[]
  readonly messages: readonly Buffer[]
}

const asked = (questions: readonly Question[]): Asked => ({
  questions,
  messages: questions.map(({ name, type }) => query(name, { type })),
})

/** The whole mix. */
export const MIX: Asked = asked(kubeMix(services(KUBE_SIZE), QUESTIONS))

const KINDS: readonly { name: string; is: (question: Question) => boolean }[] = [
  { name: 'A of a service', is: ({ type, answers, name }) => type === 'A' && answers === 1 && !name.includes('.pod.') },
  { name: 'A of a headless service of 4', is: ({ type, answers }) => type === 'A' && answers === 4 },
  { name: 'AAAA, NODATA', is: ({ type }) => type === 'AAAA' },
  { name: 'search list miss, NXDOMAIN', is: ({ rcode, name }) => rcode === 'NXDOMAIN' && !name.startsWith('nobody') },
  { name: 'unknown service, NXDOMAIN', is: ({ name }) => name.startsWith('nobody') },
  { name: 'SRV of a service', is: ({ type, answers }) => type === 'SRV' && answers === 1 },
  { name: 'SRV of a headless service of 4', is: ({ type, answers }) => type === 'SRV' && answers === 4 },
  { name: 'A of a pod', is: ({ name }) => name.includes('.pod.') },
  { name: 'PTR of a service', is: ({ type }) => type === 'PTR' },
]

/** The mix by kind of question. */
export const BY_KIND: readonly (Asked & { readonly name: string })[] = KINDS.map(({ name, is }) => ({
  name,
  ...asked(MIX.questions.filter(is)),
}))

/** @throws Error for a reply that has not the rcode and the number of answers that the mix wants */
export function verifyMix(routes: Routes): void {
  for (let i = 0; i < SAMPLE; i++) {
    const { name, type, rcode, answers } = MIX.questions[i]!
    const { reply } = put(routes, MIX.messages[i]!, performance.now())
    const found = readReply(reply)
    if (found.rcode === rcode && found.answers?.length === answers) continue
    throw new Error(`${name} ${type}: ${found.rcode} with ${found.answers?.length}, expected ${rcode} with ${answers}`)
  }
}
