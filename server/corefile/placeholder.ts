/**
 * Placeholders of NodeLocal DNSCache's manifests: `__PILLAR__CLUSTER__DNS__` and others, which whoever deploys them, or that
 * server itself, replaces. One that is left would be the name of an upstream that nobody can find.
 */
import { CorefileError } from './error.ts'
import type { Token } from './lexer.ts'

/** What to write in their places; docs/node-local.md has the same list. */
const CURES: Readonly<Record<string, string>> = {
  __PILLAR__CLUSTER__DNS__: '{$KUBE_DNS_UPSTREAM_SERVICE_HOST}',
  __PILLAR__DNS__DOMAIN__: "the cluster's domain, such as cluster.local",
  __PILLAR__DNS__SERVER__: 'the address of the Service kube-dns, or nothing',
  __PILLAR__LOCAL__DNS__: "the node's own address, such as 169.254.20.10",
  __PILLAR__UPSTREAM__SERVERS__: '/etc/resolv.conf',
}

/**
 * The token, which holds no placeholder.
 * @throws CorefileError COREFILE_INVALID_VALUE
 */
export function refusePlaceholder(token: Token): Token {
  const [found] = /__PILLAR__[A-Z_]*/.exec(token.text) ?? []
  if (found === undefined) return token
  const cure = Object.hasOwn(CURES, found) ? CURES[found] : 'a value'
  const text = `"${found}" is a placeholder of NodeLocal DNSCache, expected ${cure}`
  throw new CorefileError('COREFILE_INVALID_VALUE', token, text)
}
