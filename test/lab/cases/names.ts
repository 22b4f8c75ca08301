/** Names as applications ask for them, through getaddrinfo and getnameinfo of musl and glibc, and through dig and nslookup. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { kubectl } from '../control-plane.ts'
import { DNS_IP, WEB_OUTSIDE_IP } from '../place.ts'
import { CLIENTS, digShort, inPod, ipOf, type PodStatus, podsWith, resolve, reverse, tried } from '../pods.ts'

const SERVICE_IP = '10.96.100.1'
const KUBERNETES_IP = '10.96.0.1'
const FQDN = 'service.default.svc.cluster.local'
/** By hostAliases of the pod; its zone outside has WEB_OUTSIDE_IP. */
const SHADOWED = 'shadowed.outside.example'
const ALIAS_IP = '192.0.2.99'

/** By its address where the service is no StatefulSet's. */
function namesOf({ name, ip }: PodStatus): string[] {
  return [`${ip.replaceAll('.', '-')}.${FQDN}`, `${name}.peers.default.svc.cluster.local`]
}

const same = (names: readonly string[], address: string) => Object.fromEntries(names.map(name => [name, address]))

for (const { libc, pod } of CLIENTS) {
  test(`${libc}: service, service.default, service.default.svc, and in full`, async () => {
    const names = ['service', 'service.default', 'service.default.svc', FQDN, `${FQDN}.`]
    deepEqual(await resolve(pod, names), same(names, SERVICE_IP))
  })

  test(`${libc}: kubernetes.default and kube-dns.kube-system, of other namespaces`, async () => {
    const want = { 'kubernetes.default': KUBERNETES_IP, 'kube-dns.kube-system': DNS_IP }
    deepEqual(await resolve(pod, Object.keys(want)), want)
  })

  test(`${libc}: names of pods by their address`, async () => {
    const [web] = await podsWith('app=web')
    const dashes = web!.ip.replaceAll('.', '-')
    const want = { [`${dashes}.default.pod`]: web!.ip, '10-244-2-5.default.pod.cluster.local': '10.244.2.5' }
    deepEqual(await resolve(pod, Object.keys(want)), want)
  })

  test(`${libc}: headless service, and each pod of its StatefulSet`, async () => {
    const [first, second] = await podsWith('app=web')
    const want = {
      peers: [first!.ip, second!.ip].sort().join(' '),
      'web-0.peers': first!.ip,
      'web-1.peers.default.svc.cluster.local': second!.ip,
    }
    deepEqual(await resolve(pod, Object.keys(want)), want)
  })

  test(`${libc}: ExternalName, and names outside`, async () => {
    const names = ['external', 'external.default.svc', 'www.outside.example', 'www.outside.example.']
    deepEqual(await resolve(pod, names), same(names, WEB_OUTSIDE_IP))
  })

  test(`${libc}: a name that is nowhere is an error`, async () => {
    const names = ['nowhere', 'nowhere.default', 'web-7.peers', 'nowhere.outside.example']
    deepEqual(await resolve(pod, names), same(names, 'error'))
  })

  test(`${libc}: addresses of a service, of a pod, and outside have names`, async () => {
    const [web] = await podsWith('app=web')
    const want = { [SERVICE_IP]: FQDN, [WEB_OUTSIDE_IP]: 'www.outside.example' }
    const found = await reverse(pod, [...Object.keys(want), web!.ip])
    // A pod has one name of each service it is behind.
    ok(namesOf(web!).includes(found[web!.ip]!), `${web!.ip} is ${found[web!.ip]}`)
    deepEqual(found, { ...want, [web!.ip]: found[web!.ip]! })
  })

  test(`${libc}: /etc/hosts comes before DNS: hostAliases, and the pod's own name`, async () => {
    deepEqual(await resolve(pod, [SHADOWED, pod]), { [SHADOWED]: ALIAS_IP, [pod]: await ipOf(pod) })
  })
}

test('glibc: getent hosts asks as nsswitch.conf says, dig only DNS', async () => {
  match(await inPod('glibc', 'getent', 'hosts', SHADOWED), /^192\.0\.2\.99\s/)
  deepEqual(await digShort('glibc', SHADOWED), [WEB_OUTSIDE_IP])
})

test('dig: service +search, in full, and over TCP', async () => {
  deepEqual(await digShort('glibc', '+search', 'service'), [SERVICE_IP])
  deepEqual(await digShort('glibc', FQDN), [SERVICE_IP])
  deepEqual(await digShort('glibc', '+tcp', FQDN), [SERVICE_IP])
  deepEqual(await digShort('glibc', 'dns-version.cluster.local', 'TXT'), ['"1.1.0"'])
})

test('dig: SRV of a service, of a headless one, PTR, and the CNAME of ExternalName', async () => {
  const [web] = await podsWith('app=web')
  deepEqual(await digShort('glibc', 'SRV', `_http._tcp.${FQDN}`), [`0 100 80 ${FQDN}.`])
  deepEqual(await digShort('glibc', 'SRV', '_http._tcp.peers.default.svc.cluster.local'), [
    '0 50 8080 web-0.peers.default.svc.cluster.local.',
    '0 50 8080 web-1.peers.default.svc.cluster.local.',
  ])
  deepEqual(await digShort('glibc', '-x', SERVICE_IP), [`${FQDN}.`])
  deepEqual(
    await digShort('glibc', '-x', web!.ip),
    namesOf(web!).map(name => `${name}.`),
  )
  deepEqual(await digShort('glibc', 'external.default.svc.cluster.local', 'CNAME'), ['www.outside.example.'])
})

for (const { libc, pod } of CLIENTS) {
  test(`${libc}: nslookup`, async () => {
    // BusyBox's knows no search list.
    const command = libc === 'musl' ? ['busybox', 'nslookup', FQDN] : ['nslookup', 'service']
    const { stdout } = await tried(pod, command)
    match(stdout, new RegExp(`Server:\\s+${DNS_IP}\\b`))
    match(stdout, new RegExp(`Name:\\s+${FQDN}\\s+Address(?: 1)?: ${SERVICE_IP}\\b`))
  })
}

test('dnsPolicy None: its own search list; Default: nothing of the cluster', async () => {
  deepEqual(await resolve('none', ['service', 'www']), { service: SERVICE_IP, www: WEB_OUTSIDE_IP })
  deepEqual(await resolve('default', ['service', 'www.outside.example']), {
    service: 'error',
    'www.outside.example': WEB_OUTSIDE_IP,
  })
})

test('hostNetwork with ClusterFirstWithHostNet: names of the cluster from the network of the node', async () => {
  deepEqual(await resolve('host-network', ['service', 'www.outside.example']), {
    service: SERVICE_IP,
    'www.outside.example': WEB_OUTSIDE_IP,
  })
})

test('a service made now is answered in the next lookup, and gone after it is deleted', async () => {
  // Asked before it exists: a denial that were kept would show.
  equal((await resolve('musl', ['fresh'])).fresh, 'error')
  await kubectl('create', 'service', 'clusterip', 'fresh', '--tcp=80:80')
  const ip = await kubectl('get', 'service', 'fresh', '-o', 'jsonpath={.spec.clusterIP}')
  try {
    equal((await resolve('musl', ['fresh'])).fresh, ip)
  } finally {
    await kubectl('delete', 'service', 'fresh')
  }
  equal((await resolve('musl', ['fresh'])).fresh, 'error')
})
