/** ExternalName Services: a CNAME, and what it leads to. */
import { test } from 'uvu'
import { QUESTION, type Query, type Stage } from '../../server/plugin.ts'
import { empty } from '../../server/reply.ts'
import { RCODE, TYPE } from '../../server/wire/codes.ts'
import { externalName, service } from '../plugins/kubernetes/cluster.ts'
import { type Sentence, section, specCluster } from './sentences.ts'

const V4 = Uint8Array.of(192, 0, 2, 53)
const V6 = Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)

/** The world outside, where www.example.com is. */
const outside: Stage = {
  handle(q: Query) {
    const a = empty(q, RCODE.NOERROR)
    if (q.qnameText !== 'www.example.com.') a.rcode = RCODE.NXDOMAIN
    else if (q.qtype === TYPE.A) a.answer.add(QUESTION, 0, TYPE.A, 28_715, V4)
    else if (q.qtype === TYPE.AAAA) a.answer.add(QUESTION, 0, TYPE.AAAA, 28_715, V6)
    return a
  },
}

const cluster = specCluster(
  [
    externalName('foo.default', 'www.example.com'),
    externalName('upper.default', 'WWW.Example.COM'),
    externalName('inside.default', 'kubernetes.default.svc.cluster.local'),
    service('kubernetes.default', ['10.3.0.1', '2001:db8::2'], ['https:tcp:443']),
  ],
  '',
  [outside],
)

const sentences: Sentence[] = [
  {
    says: 'a CNAME record that points to the external name exists',
    ask: 'foo.default.svc.cluster.local',
    type: 'CNAME',
    is: `NOERROR aa rd
    ;; ANSWER
    foo.default.svc.cluster.local. 30 IN CNAME www.example.com.`,
  },
  {
    says: 'asked for IPv4: the CNAME, then the A record it leads to, with its own TTL',
    ask: 'foo.default.svc.cluster.local',
    type: 'A',
    is: `NOERROR aa rd
    ;; ANSWER
    foo.default.svc.cluster.local. 30 IN CNAME www.example.com.
    www.example.com. 28715 IN A 192.0.2.53`,
  },
  {
    says: 'asked for IPv6: the CNAME, then the AAAA record it leads to, with its own TTL',
    ask: 'foo.default.svc.cluster.local',
    type: 'AAAA',
    is: `NOERROR aa rd
    ;; ANSWER
    foo.default.svc.cluster.local. 30 IN CNAME www.example.com.
    www.example.com. 28715 IN AAAA 2001:db8::1`,
  },
  {
    says: 'names do not mind case (§2.1), that of the external name neither',
    ask: 'upper.default.svc.cluster.local',
    type: 'A',
    is: `NOERROR aa rd
    ;; ANSWER
    upper.default.svc.cluster.local. 30 IN CNAME www.example.com.
    www.example.com. 28715 IN A 192.0.2.53`,
  },
  {
    says: 'the external name may be one of the cluster: A',
    ask: 'inside.default.svc.cluster.local',
    type: 'A',
    is: `NOERROR aa rd
    ;; ANSWER
    inside.default.svc.cluster.local. 30 IN CNAME kubernetes.default.svc.cluster.local.
    kubernetes.default.svc.cluster.local. 30 IN A 10.3.0.1`,
  },
  {
    says: 'the external name may be one of the cluster: AAAA',
    ask: 'inside.default.svc.cluster.local',
    type: 'AAAA',
    is: `NOERROR aa rd
    ;; ANSWER
    inside.default.svc.cluster.local. 30 IN CNAME kubernetes.default.svc.cluster.local.
    kubernetes.default.svc.cluster.local. 30 IN AAAA 2001:db8::2`,
  },
]

section('2.5', cluster, sentences)

test.run()
