/** What the Corefile says: each option of `kubernetes` at least once, most of them with others. */

export interface Configuration {
  name: string
  /** The directive's arguments. */
  zones: readonly string[]
  /** Lines of its block. */
  body?: readonly string[]
  /** What the directive's zones come to, where networks are among them. */
  means?: readonly string[]
  /** False: nothing behind `kubernetes`. */
  forward?: boolean
  /** Listens on all addresses of the machine, so that NS records have something to show. */
  wildcard?: boolean
  /** How the API is reached, other than by its URL. */
  access?: 'kubeconfig' | 'tls'
  /** Keys of the server block, `.` if not given; the directive may then do without zones. */
  keys?: readonly string[]
  /** A second server block on the port forwards all other names. */
  besides?: boolean
  /** Names that are asked besides. */
  asks?: readonly string[]
  /** Every name with every common type, rather than a sample. */
  thorough?: boolean
}

const REVERSE = ['in-addr.arpa', 'ip6.arpa']
const LONG = `${'x'.repeat(60)}.${'y'.repeat(60)}.example`

export const configurations: readonly Configuration[] = [
  {
    name: 'kubeadm',
    zones: ['cluster.local', ...REVERSE],
    body: ['pods insecure', 'fallthrough in-addr.arpa ip6.arpa', 'ttl 30'],
    thorough: true,
  },
  { name: 'nothing but a zone', zones: ['cluster.local'] },
  { name: 'reverse zones, no fallthrough', zones: ['cluster.local', ...REVERSE], body: ['pods disabled', 'ttl 3600'] },
  {
    name: 'pods verified, ttl 0',
    zones: ['cluster.local', ...REVERSE],
    body: ['pods verified', 'ttl 0'],
    thorough: true,
  },
  {
    name: 'endpoint_pod_names',
    zones: ['cluster.local', ...REVERSE],
    body: ['endpoint_pod_names', 'ttl 30'],
    thorough: true,
  },
  { name: 'noendpoints', zones: ['cluster.local', ...REVERSE], body: ['noendpoints', 'pods insecure', 'fallthrough'] },
  { name: 'ignore empty_service', zones: ['cluster.local', ...REVERSE], body: ['ignore empty_service', 'ttl 1'] },
  {
    name: 'noendpoints, ignore empty_service',
    zones: ['cluster.local'],
    body: ['noendpoints', 'ignore empty_service'],
  },
  {
    name: 'namespaces',
    zones: ['cluster.local', ...REVERSE],
    body: ['namespaces default prod', 'namespaces nowhere', 'pods insecure'],
  },
  {
    name: 'namespaces, pods verified, fallthrough',
    zones: ['cluster.local', ...REVERSE],
    body: ['namespaces test prod', 'pods verified', 'fallthrough', 'endpoint_pod_names'],
  },
  {
    name: 'namespace_labels',
    zones: ['cluster.local', ...REVERSE],
    body: ['namespace_labels team in (a, b)', 'pods insecure', 'ttl 60'],
  },
  {
    name: 'namespace_labels, none of',
    zones: ['cluster.local'],
    body: ['namespace_labels team notin (b),!old', 'fallthrough'],
  },
  {
    name: 'labels',
    zones: ['cluster.local', ...REVERSE],
    body: ['labels tier=web', 'pods verified', 'ignore empty_service'],
  },
  {
    name: 'labels, a set',
    zones: ['cluster.local'],
    body: ['labels tier in (web),!old', 'pods insecure', 'fallthrough'],
  },
  { name: 'fallthrough of everything', zones: ['cluster.local', ...REVERSE], body: ['fallthrough', 'pods verified'] },
  { name: 'fallthrough of the zone', zones: ['cluster.local', ...REVERSE], body: ['fallthrough cluster.local'] },
  {
    name: 'fallthrough of a namespace',
    zones: ['cluster.local', ...REVERSE],
    body: ['fallthrough prod.svc.cluster.local 10.in-addr.arpa', 'pods insecure'],
  },
  { name: 'several zones', zones: ['cluster.local', 'cluster.example', ...REVERSE], body: ['pods insecure', 'ttl 30'] },
  {
    name: 'zones within zones',
    zones: ['local', 'cluster.local', 'prod.svc.cluster.local'],
    body: ['pods insecure'],
    asks: ['in-out.test.svc.local', 'long-8.test.svc.cluster.local'],
  },
  {
    name: 'reverse zones as networks',
    zones: ['cluster.local', '10.96.0.0/16', '10.244.0.0/16', 'fd00::/16'],
    means: ['cluster.local', '96.10.in-addr.arpa', '244.10.in-addr.arpa', '0.0.d.f.ip6.arpa'],
  },
  {
    name: 'networks that end within a label',
    zones: ['cluster.local', '10.96.0.0/13', '2001:db8::/33'],
    means: [
      'cluster.local',
      ...[96, 97, 98, 99, 100, 101, 102, 103].map(octet => `${octet}.10.in-addr.arpa`),
      ...[0, 1, 2, 3, 4, 5, 6, 7].map(nibble => `${nibble}.8.b.d.0.1.0.0.2.ip6.arpa`),
    ],
    body: ['fallthrough'],
  },
  { name: 'a zone in capitals', zones: ['Cluster.LOCAL', 'IN-ADDR.arpa'], body: ['pods insecure', 'ttl 30'] },
  { name: 'a zone of one label', zones: ['k8s', ...REVERSE], body: ['pods insecure', 'ttl 30'] },
  { name: 'a long zone', zones: [LONG, ...REVERSE], body: ['ttl 30', 'pods insecure'], thorough: true },
  { name: 'the root zone', zones: ['.'], body: ['pods insecure', 'ttl 30'], forward: false },
  { name: 'nothing behind it', zones: ['cluster.local', ...REVERSE], body: ['fallthrough', 'ttl 30'], forward: false },
  { name: 'zones of the server block', zones: [], keys: ['cluster.local', 'in-addr.arpa'], body: ['pods insecure'] },
  {
    name: 'a block of its own',
    zones: ['cluster.local', 'in-addr.arpa'],
    keys: ['cluster.local', 'in-addr.arpa'],
    body: ['pods insecure', 'ttl 30'],
    forward: false,
    besides: true,
  },
  {
    name: 'on all addresses',
    zones: ['cluster.local', 'cluster.example', ...REVERSE],
    body: ['ttl 30', 'pods insecure'],
    wildcard: true,
  },
  {
    name: 'on all addresses, not kube-system',
    zones: ['cluster.local'],
    body: ['labels tier=web'],
    wildcard: true,
  },
  { name: 'kubeconfig', zones: ['cluster.local'], access: 'kubeconfig', body: ['pods insecure'] },
  {
    name: 'tls',
    zones: ['cluster.local'],
    access: 'tls',
    body: ['pods insecure', 'apiserver_qps 50', 'apiserver_burst 50'],
  },
  { name: 'zonal', zones: ['cluster.local', ...REVERSE], body: ['zonal', 'pods insecure', 'ttl 30'] },
  { name: 'zonal, fallthrough', zones: ['cluster.local'], body: ['zonal', 'endpoint_pod_names', 'fallthrough'] },
  {
    name: 'multicluster',
    zones: ['clusterset.local', 'cluster.local', ...REVERSE],
    body: ['multicluster clusterset.local', 'pods insecure', 'ttl 30'],
    thorough: true,
  },
  {
    name: 'multicluster, namespace_labels',
    zones: ['clusterset.local'],
    body: ['multicluster clusterset.local', 'namespace_labels team in (a, b)'],
  },
  {
    name: 'multicluster, ignore empty_service',
    zones: ['clusterset.local'],
    body: ['multicluster clusterset.local', 'ignore empty_service', 'fallthrough'],
  },
]
