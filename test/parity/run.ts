/**
 * Entry of `npm run parity [-- OPTION…]`: the same cluster and the same questions to Sextant and to CoreDNS. Every
 * difference must be one of known.ts, and every one of known.ts must be met. README.md lists the options.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startApi } from './api.ts'
import { SERVER_IP } from './cluster.ts'
import { type Configuration, configurations } from './configurations.ts'
import { type Access, blocksOf, findCoredns, OURS, Peers, refusalOf, versionOf } from './peers.ts'
import { Tally } from './tally.ts'
import { startUpstream } from './upstream.ts'

const INSIDE = 'SEXTANT_PARITY_INSIDE'
/** What docs/differences.md compares with. */
const COREDNS = 'CoreDNS-1.15.0'
const TLS = join(import.meta.dirname, '../harness/tls')
/** Server blocks that are asked at a time: a question without a reply holds its block up. */
const AT_ONCE = 4

const { values: options } = parseArgs({
  options: {
    coredns: { type: 'string' },
    only: { type: 'string' },
    questions: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
    show: { type: 'string', default: '1' },
  },
})

/** Starts this again in a network namespace of its own, with an address besides the loopback's. Undefined: not possible here. */
function inNamespace(): number | undefined {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const unshare = ['--net', ...user, '--kill-child', '--fork', '--']
  if (spawnSync('unshare', [...unshare, 'ip', 'link'], { stdio: 'ignore' }).status !== 0) return undefined
  const commands = [
    'ip link set lo up',
    'ip link add parity type veth peer name parity-peer',
    `ip addr add ${SERVER_IP}/32 dev parity`,
    'ip link set parity up',
    'ip link set parity-peer up',
    'exec "$@"',
  ]
  const command = ['sh', '-c', commands.join(' && '), 'sh', process.execPath, import.meta.filename]
  const env = { ...process.env, [INSIDE]: '1' }
  const { status } = spawnSync('unshare', [...unshare, ...command, ...process.argv.slice(2)], { env, stdio: 'inherit' })
  return status ?? 1
}

/** The API server, also over TLS, and the name server outside, for as long as `work` takes. */
async function withWorld(peers: Peers, work: (access: Access) => Promise<number>): Promise<number> {
  const read = (file: string): string => readFileSync(join(TLS, file), 'utf8')
  const api = await startApi()
  const tlsApi = await startApi({ cert: read('server.crt'), key: read('server.key'), ca: read('ca.crt') })
  const upstream = await startUpstream()
  const kubeconfig = join(peers.folder, 'kubeconfig')
  writeFileSync(kubeconfig, JSON.stringify(kubeconfigOf(api.url)))
  try {
    return await work({
      endpoint: api.url,
      tlsEndpoint: tlsApi.url,
      kubeconfig,
      tls: ['client.crt', 'client.key', 'ca.crt'].map(file => join(TLS, file)).join(' '),
      upstream: upstream.address,
    })
  } finally {
    peers.end()
    await Promise.all([api.close(), tlsApi.close(), upstream.close()])
  }
}

function kubeconfigOf(server: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'parity', cluster: { server } }],
    users: [{ name: 'nobody', user: {} }],
    contexts: [{ name: 'parity', context: { cluster: 'parity', user: 'nobody' } }],
    'current-context': 'parity',
  }
}

/** True if it is to be compared; otherwise tells why not. */
function isCompared(configuration: Configuration, access: Access, folder: string): boolean {
  if (options.only && !configuration.name.includes(options.only)) return false
  const reason =
    configuration.wildcard && !process.env[INSIDE]
      ? 'no network namespace can be made here'
      : refusalOf(configuration, access, folder)
  if (reason !== undefined) console.log(`skip "${configuration.name}": ${reason}`)
  return reason === undefined
}

async function compareAll(coredns: string): Promise<number> {
  const peers = new Peers()
  return withWorld(peers, async access => {
    const started = performance.now()
    const compared = configurations.filter(configuration => isCompared(configuration, access, peers.folder))
    const blocks = await blocksOf(compared)
    await peers.start(coredns, blocks, access)
    const tally = new Tally(Number(options.questions), options.seed)
    const queue = [...blocks]
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let block = queue.shift(); block; block = queue.shift()) await tally.compare(block)
      }),
    )
    console.log(`${blocks.length} server blocks, ${((performance.now() - started) / 1000).toFixed(0)} s`)
    return tally.report(Number(options.show), options.only ? undefined : compared)
  })
}

async function main(): Promise<number> {
  const coredns = findCoredns(options.coredns)
  if (coredns === undefined && options.coredns) {
    console.log(`parity: "${options.coredns}" is no program, expected a CoreDNS\n0 passed, 1 failed`)
    return 1
  }
  if (coredns === undefined) {
    console.log('parity: skipped: no coredns on PATH, and none named with --coredns FILE\n0 passed, 0 failed')
    return 0
  }
  const code = process.env[INSIDE] ? undefined : inNamespace()
  if (code !== undefined) return code
  const version = versionOf(coredns)
  console.log(`${versionOf(OURS)} and ${version}`)
  if (version !== COREDNS) console.log(`docs/differences.md is about ${COREDNS}: expect others`)
  return compareAll(coredns)
}

process.exit(await main())
