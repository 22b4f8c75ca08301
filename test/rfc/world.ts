/**
 * What the standards' tests ask: one whole server on loopback sockets, a cluster from manifests, large RRsets from a hosts file,
 * a zone that is forwarded to a scripted upstream and kept. No block is for the root, unless a test wants one.
 */
import type { Json } from '../../plugins/kubernetes/object/object.ts'
import { type Asked, answer, type FakeUpstream, fakeUpstream, type Script } from '../harness/fake-upstream.ts'
import { type RunningServer, startServer, temporaryFolder } from '../harness/server.ts'
import { externalName, namespace, service, slice } from '../plugins/kubernetes/cluster.ts'

export interface World {
  readonly server: RunningServer
  readonly upstream: FakeUpstream
  stop(): Promise<void>
}

export interface Setting {
  /** Lines for the blocks of cluster.local and of big.test. */
  lines?: string
  /** Lines of the block of up.test before `forward`, `cache 30` where none are given. */
  cache?: string
  /** What the upstream does. */
  script?: Script
  /** Whole blocks beside the others. */
  blocks?: string
}

/** How many addresses `many.big.test` and the others have. */
export const SETS = { many: 120, lots: 4000, over: 4100 } as const

/** Names of 16, 17, 21 and 22 octets: 30 addresses make 512 and 513 octets, 74 behind an OPT 1,232 and 1,233. */
const EDGES = { a5555: 30, a66666: 30, a999999999: 74, a0000000000: 74 }

const loop = (name: string, to: string) => externalName(`${name}.default`, `${to}.default.svc.cluster.local`)

const OBJECTS: readonly Json[] = [
  namespace('default'),
  service('kubernetes.default', ['10.96.0.1'], ['https:tcp:443']),
  service('dual.default', ['10.96.0.2', 'fd00::2'], ['http:tcp:80']),
  service('six.default', ['fd00::6'], ['http:tcp:80']),
  service('peers.default', [], ['sql:tcp:5432']),
  slice('peers-1.default', 'peers', ['10.244.0.5=peer-0', '10.244.0.6=peer-1'], ['sql:tcp:5432']),
  service('crowd.default', [], ['http:tcp:80']),
  slice(
    'crowd-1.default',
    'crowd',
    Array.from({ length: 400 }, (_, i) => `10.245.${i >> 8}.${i & 255}`),
    ['http:tcp:80'],
  ),
  externalName('outside.default', 'www.up.test'),
  loop('self', 'self'),
  loop('ping', 'pong'),
  loop('pong', 'ping'),
  ...Array.from({ length: 12 }, (_, i) => loop(`chain-${i}`, i === 11 ? 'kubernetes' : `chain-${i + 1}`)),
]

/** Answers every A with one address, and denies names that begin with `no`. */
export function plainUpstream(asked: Asked): Uint8Array {
  const soa = 'up.test. 300 SOA ns.up.test. hostmaster.up.test. 1 7200 900 1209600 60'
  if (asked.name.startsWith('no')) return answer(asked, [], { rcode: 'NXDOMAIN', authority: [soa] })
  if (asked.type !== 'A') return answer(asked, [], { authority: [soa] })
  return answer(asked, [`${asked.spelled} 300 A 192.0.2.1`])
}

export async function makeWorld({ lines = '', cache = 'cache 30', script, blocks = '' }: Setting = {}): Promise<World> {
  const folder = temporaryFolder()
  folder.write('objects.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: OBJECTS }))
  folder.write('hosts.txt', hostsText())
  const upstream = await fakeUpstream(script ?? plainUpstream)
  const corefile = `
cluster.local in-addr.arpa ip6.arpa {
  bind 127.0.0.1
  ${lines}
  kubernetes {
    manifests ${folder.path}
  }
}
big.test {
  bind 127.0.0.1
  ${lines}
  hosts ${folder.path}/hosts.txt {
    reload 0s
  }
}
up.test {
  bind 127.0.0.1
  ${cache}
  forward . ${upstream.address}
}
${blocks.replaceAll('%1', upstream.address)}
`
  const server = await startServer(corefile)
  return {
    server,
    upstream,
    async stop() {
      await server.stop()
      await upstream.close()
      folder.remove()
    },
  }
}

function hostsText(): string {
  const lines: string[] = []
  for (const [name, addresses] of Object.entries({ ...SETS, ...EDGES })) {
    for (let i = 0; i < addresses; i++) lines.push(`10.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255} ${name}.big.test`)
  }
  return `${lines.join('\n')}\n`
}
