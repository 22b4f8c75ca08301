/** An Unbound with one thread: a forwarder to compare with, or a server of names over TLS. */
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Target } from '../dnsperf.ts'
import { freePorts } from '../ports.ts'
import { type Sides, until } from '../sides.ts'

/** Forwards everything to a port of 127.0.0.1, and caches it; does not validate. Undefined where there is no Unbound. */
export function startUnbound(sides: Sides, upstreamPort: number): Promise<Target | undefined> {
  const forward = `forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${upstreamPort}
`
  return start(sides, () => '', forward)
}

/** Certificate and key, as files. */
export interface TlsFiles {
  readonly certificate: string
  readonly key: string
}

/** Answers A of everything in `zone` over TLS, out of its configuration. Undefined where there is no Unbound. */
export function startTlsServer(sides: Sides, zone: string, tls: TlsFiles): Promise<Target | undefined> {
  const server = (port: number) => `  tls-port: ${port}
  tls-service-key: "${tls.key}"
  tls-service-pem: "${tls.certificate}"
  local-zone: "${zone}." redirect
  local-data: "${zone}. 3600 A 192.0.2.1"
  incoming-num-tcp: 256
`
  return start(sides, server, '')
}

async function start(sides: Sides, server: (port: number) => string, more: string): Promise<Target | undefined> {
  if (!sides.has('unbound')) return undefined
  const [port] = (await freePorts(1)) as [number]
  const file = join(sides.folder, `unbound-${port}.conf`)
  writeFileSync(file, configuration(sides.folder, port, server(port)) + more)
  const child = sides.spawn('unbound', ['-d', '-c', file])
  child.stdout!.resume()
  await until(child, 'unbound', () => isListening(port))
  return { name: 'unbound', address: '127.0.0.1', port, pid: child.pid! }
}

function configuration(folder: string, port: number, more: string): string {
  return `server:
  interface: 127.0.0.1@${port}
  directory: "${folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  verbosity: 0
  num-threads: 1
  do-ip6: no
  module-config: "iterator"
  do-not-query-localhost: no
  outgoing-range: 4096
  num-queries-per-thread: 2048
${more}remote-control:
  control-enable: no
`
}

function isListening(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
