/** As few rights as a pod can have: what k8s/deployment.yaml gives, and the server works with. */
import { deepEqual, equal, match } from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { load } from 'js-yaml'
import { FakeApiServer, NAMESPACES, SERVICES } from '../../harness/fake-api-server.ts'
import { query, replyText } from '../../harness/message.ts'
import { exchangeTcp, exchangeUdp } from '../../harness/server.ts'
import { type Note, test } from '../../harness/suite.ts'
import { eventually } from '../../harness/time.ts'
import { pem } from '../../harness/tls.ts'
import { confined, rightsOf, STATE, withFreePorts } from '../container.ts'
import { clusterCorefile } from '../load.ts'
import { type Ports, Subject } from '../subject.ts'

const WRITTEN_MS = 30_000
const RELOADED_MS = 30_000
const TOLD_MS = 10_000
const ONLY_BIND = '0000000000000400'
const NONE = '0000000000000000'

/** kubeadm's, but for the port of `ready`, the pace of `reload`, and with a snapshot. */
function corefile({ ready }: Ports, ttl = 30): string {
  const manifest = readFileSync(join(import.meta.dirname, '../../../k8s/configmap.yaml'), 'utf8')
  const { data } = load(manifest) as { data: { Corefile: string } }
  return data.Corefile.replace(/^ +ready$/m, `    ready :${ready}`)
    .replace(/^ +reload$/m, '    reload 2s 1s')
    .replace(/^ +ttl 30$/m, `       ttl ${ttl}\n       snapshot ${STATE}/cluster.snapshot`)
}

function fill(api: FakeApiServer): void {
  api.put(NAMESPACES, { metadata: { name: 'shop' } })
  const spec = { clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'], ports: [{ name: 'http', port: 80 }] }
  api.put(SERVICES, { metadata: { name: 'web', namespace: 'shop' }, spec })
}

interface Row {
  readonly name: string
  readonly capability: boolean
  readonly environment: Readonly<Record<string, string>>
}

const PERMISSION = { SEXTANT_PERMISSION: '1', SEXTANT_WRITE: STATE }
const ROWS: readonly Row[] = [
  { name: 'only NET_BIND_SERVICE', capability: true, environment: {} },
  { name: 'no capability, ports from 53 on free', capability: false, environment: {} },
  { name: "only NET_BIND_SERVICE, Node's permissions", capability: true, environment: PERMISSION },
  {
    name: "only NET_BIND_SERVICE, Node's permissions, no native calls",
    capability: true,
    environment: { ...PERMISSION, SEXTANT_UDP: 'dgram' },
  },
]

/** A folder as the pod has it, that every user may read. */
function podFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sextant-pod-'))
  mkdirSync(join(folder, 'account'))
  writeFileSync(join(folder, 'resolv.conf'), 'nameserver 192.0.2.53\n') // nobody: what is forwarded is not asked here
  writeFileSync(join(folder, 'account/token'), 'a token')
  writeFileSync(join(folder, 'account/ca.crt'), pem('ca.crt'))
  chmodSync(folder, 0o755)
  return folder
}

async function answers(ttl: number): Promise<void> {
  const rows = [
    [
      'web.shop.svc.cluster.local.',
      'A',
      `NOERROR aa rd ra\n;; ANSWER\nweb.shop.svc.cluster.local. ${ttl} IN A 10.96.0.7`,
    ],
    ['7.0.96.10.in-addr.arpa.', 'PTR', `7.0.96.10.in-addr.arpa. ${ttl} IN PTR web.shop.svc.cluster.local.`],
    ['nope.shop.svc.cluster.local.', 'A', 'NXDOMAIN aa rd ra'],
  ] as const
  for (const [name, type, wanted] of rows) {
    for (const exchange of [exchangeUdp, exchangeTcp]) {
      const reply = replyText(await exchange(query(name, { type }), 53))
      equal(reply.includes(wanted), true, `${name} ${type}: ${reply}`)
    }
  }
}

async function serve({ capability, environment }: Row, note: Note): Promise<void> {
  const api = await FakeApiServer.start({ tls: { cert: pem('server.crt'), key: pem('server.key') } })
  const folder = podFolder()
  const pod = confined(folder, capability)
  try {
    fill(api)
    const write = (ports: Ports, ttl: number) => writeFileSync(join(folder, 'Corefile'), corefile(ports, ttl))
    const subject = await Subject.start(
      ports => {
        write(ports, 30)
        return '' // it reads the pod's
      },
      {
        wrapper: pod.wrapper,
        environment: {
          KUBERNETES_SERVICE_HOST: '127.0.0.1',
          KUBERNETES_SERVICE_PORT: String(api.port),
          NODE_EXTRA_CA_CERTS: '', // of whoever runs the tests
          ...environment,
        },
      },
    )
    await answers(30)

    const { uids, capabilities, noNewPrivileges, writable } = rightsOf(subject.pid)
    deepEqual(uids, Array(4).fill(pod.uid))
    deepEqual(capabilities, Array(4).fill(capability ? ONLY_BIND : NONE))
    equal(noNewPrivileges, true)
    deepEqual(writable, [STATE])
    equal(subject.child.lines.join('\n').includes('not needed'), false)

    write(subject.ports, 17)
    // Where native calls are not allowed Node blocks the signal, and the plugin `reload` sees to it.
    const isTold = environment.SEXTANT_UDP !== 'dgram'
    if (isTold) subject.child.signal('SIGUSR1')
    await subject.child.line(isTold ? /Reloading: SIGUSR1/ : /Reloading: the Corefile changed/, RELOADED_MS)
    await subject.child.line(/Reloading complete/, RELOADED_MS)
    await answers(17)

    // Seen from outside, through the server's own mounts.
    const snapshot = `/proc/${subject.pid}/root${STATE}/cluster.snapshot`
    await eventually(WRITTEN_MS, 'the snapshot', async () => {
      if (!existsSync(snapshot)) throw new Error(`${snapshot} is not there`)
    })
    const metrics = await (await fetch('http://127.0.0.1:9153/metrics')).text()
    match(metrics, /^process_open_fds \d+$/m)
    note(`user ${pod.uid}, ${(subject.rssBytes / 1e6).toFixed(0)} MB`)
    deepEqual(
      subject.child.lines.filter(line => /WARN|ERROR|Warning/.test(line)),
      [],
    )
    await subject.stop()
  } finally {
    await api.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

for (const row of ROWS) {
  const run = (note: Note) => serve(row, note)
  test(`an arbitrary user, a read-only root, ${row.name}: serves, reloads, keeps its snapshot`, note =>
    row.capability ? run(note) : withFreePorts(() => run(note)))
}

test('started with all the rights of root: says once that they are not needed', async () => {
  const subject = await Subject.start(ports => clusterCorefile(ports))
  await subject.child.line(/^Sextant-/, TOLD_MS)
  await subject.child.line(/capabilities that are not needed/, TOLD_MS)
  equal(subject.child.lines.filter(line => line.includes('not needed')).length, 1)
  await subject.stop()
})
