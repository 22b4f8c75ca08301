/**
 * What CoreDNS 1.15.0 can load, in its execution order (its plugin.cfg, and caddy's `on`): so that a Corefile which
 * names one that is missing here is told so, rather than that it holds a slip.
 */

/** Every plugin of CoreDNS. */
export const COREDNS_PLUGINS: readonly string[] = (
  'root metadata geoip cancel proxyproto quic grpc_server https https3 timeouts multisocket reload nsid bufsize bind ' +
  'debug trace ready health pprof shed prometheus errors log dnstap local dns64 siit any chaos loadbalance tsig rewrite ' +
  'autopath acl cache header dnssec tls minimal template transfer dynupdate hosts route53 azure clouddns k8s_external ' +
  'kubernetes file auto secondary etcd loop forward grpc erratic whoami on sign view nomad'
).split(' ')
