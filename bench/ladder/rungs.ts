/**
 * The rungs of the ladder: servers that do ever more with the same questions. The lowest two are programs of their own on
 * the listener's sockets (echo.ts), the others the whole server under Corefiles that grow by a directive or a few.
 */
import { join } from 'node:path'
import type { Target } from '../dnsperf.ts'
import { freePorts } from '../ports.ts'
import type { Corefile, Ports, Sides } from '../sides.ts'

/** What the mix wants, or one rcode for all of its questions. */
export type Replies = 'mix' | 'NOERROR' | 'REFUSED'

export interface Rung {
  readonly name: string
  readonly replies: Replies
  /** The rung that it stands on, by its place; the one before if not said. */
  readonly onto?: number
  readonly start: (sides: Sides, source: string) => Promise<Target>
}

/** Directives of the block, in the order in which rungs add them. */
const STAGES: readonly { name: string; lines: (ports: Ports, source: string) => string }[] = [
  {
    name: 'kubernetes',
    lines: (_, source) =>
      `kubernetes cluster.local in-addr.arpa ip6.arpa {
        ${source}
        pods insecure
        startup_timeout 60s
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }`,
  },
  { name: 'cache', lines: () => 'cache 30' },
  { name: 'loadbalance', lines: () => 'loadbalance' },
  { name: 'prometheus', lines: ({ metrics }) => `prometheus 127.0.0.1:${metrics}` },
  { name: 'errors', lines: () => 'errors' },
  {
    name: 'loop, forward, health, reload: the stock list',
    lines: ({ health }) => `loop\n    forward . 127.0.0.1:9\n    health 127.0.0.1:${health}\n    reload`,
  },
  { name: 'log (not in the stock list)', lines: () => 'log' },
]

const block =
  (lines: (ports: Ports) => string): Corefile =>
  ports =>
    `.:${ports.dns} {
    bind 127.0.0.1
    ready 127.0.0.1:${ports.ready}
    ${lines(ports)}
}
`

/** The place of the rung on which nothing answers: both of the next ones stand on it. */
const REFUSED = 2

export const RUNGS: readonly Rung[] = [
  { name: 'echo', replies: 'NOERROR', start: sides => startEcho(sides, 'echo') },
  { name: '+ accept, readQuery', replies: 'NOERROR', start: sides => startEcho(sides, 'read') },
  { name: '+ route, encode: REFUSED', replies: 'REFUSED', start: sides => sides.sextant(block(() => '')) },
  { name: '+ a stage: whoami', replies: 'NOERROR', start: sides => sides.sextant(block(() => 'whoami')) },
  ...STAGES.map(
    ({ name }, i): Rung => ({
      name: i === 0 ? `${name} in its place` : `+ ${name}`,
      ...(i === 0 && { onto: REFUSED }),
      replies: 'mix',
      start: (sides, source) => sides.sextant(block(ports => textOf(i, ports, source))),
    }),
  ),
]

/** The directives up to number `last`. */
function textOf(last: number, ports: Ports, source: string): string {
  return STAGES.slice(0, last + 1)
    .map(({ lines }) => lines(ports, source))
    .join('\n    ')
}

/** Starts an echo on the listener's sockets. */
export async function startEcho(sides: Sides, mode: 'echo' | 'read'): Promise<Target> {
  const [port] = (await freePorts(1)) as [number]
  const child = sides.spawn(process.execPath, [join(import.meta.dirname, 'echo.ts'), `${port}`, mode])
  await new Promise((resolve, reject) => {
    child.stdout!.once('data', resolve)
    child.once('exit', code => reject(new Error(`the echo ended with ${code}`)))
  })
  return { name: 'echo', address: '127.0.0.1', port, pid: child.pid! }
}
