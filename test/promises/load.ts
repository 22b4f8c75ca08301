/** Load at a steady pace, whether or not replies come, on names that the example cluster has. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type PacedRun, paced } from '../../bench/client/paced.ts'
import type { Ports, Subject } from './subject.ts'

const MANIFESTS = join(import.meta.dirname, '../../examples/manifests')

/** Names of the cluster that `clusterCorefile` serves, all of which exist. */
const QUESTIONS = [
  'web.shop.svc.cluster.local A',
  'web.shop.svc.cluster.local AAAA',
  'db.shop.svc.cluster.local A',
  '_sql._tcp.db.shop.svc.cluster.local SRV',
  '10.0.96.10.in-addr.arpa PTR',
  'dns-version.cluster.local TXT',
]

/** kubeadm's plugins on a folder of manifests; `more` goes into the server block. */
export function clusterCorefile({ dns, health, ready, metrics }: Ports, more = ''): string {
  return `.:${dns} {
    bind 127.0.0.1
    errors
    health 127.0.0.1:${health} {
        lameduck 5s
    }
    ready 127.0.0.1:${ready}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        manifests ${MANIFESTS}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }
    prometheus 127.0.0.1:${metrics}
    loadbalance
    ${more}
}
`
}

/** Asks `perSecond` questions for `seconds`; none of them may be lost where the caller says so. */
export function askFor(subject: Subject, perSecond: number, seconds: number): Promise<PacedRun> {
  const { name, address, port, pid } = subject
  return paced({ name, address, port, pid }, { file: writeQuestions(subject.folder), perSecond, seconds })
}

/** A file of questions in a folder. */
export function writeQuestions(folder: string): string {
  const file = join(folder, 'questions')
  writeFileSync(file, `${QUESTIONS.join('\n')}\n`)
  return file
}

/** What a run found, in a line. */
export function told({ answered, lost, p50Us, p99Us, maxUs }: PacedRun): string {
  const ms = (us: number) => (us / 1000).toFixed(2)
  return `${answered} answered, ${lost} lost, p50 ${ms(p50Us)} ms, p99 ${ms(p99Us)} ms, longest ${ms(maxUs)} ms`
}
