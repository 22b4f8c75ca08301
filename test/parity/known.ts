/**
 * The differences that are meant, each as narrow as it can be said, with the text of the row of docs/differences.md that
 * gives the reason. Whatever two replies differ in besides is a mistake.
 */
import { sameSet, textsOf } from './compare.ts'
import {
  type Case,
  caseOf,
  type Difference,
  differsInTtl,
  exists,
  hasOption,
  hasText,
  isAddressType,
  isDenied,
  isNoData,
  isReverse,
  RCODE,
  SILENCE,
  saysMore,
  ttlsOf,
} from './difference.ts'
import { encodeQuery, nameText, type Rr, TYPE } from './dns.ts'
import { addressNames, clusterIds, protocolNames } from './names.ts'
import type { Block } from './peers.ts'
import { SOA_MINIMUM } from './upstream.ts'

export interface Known {
  /** How the cell of the row that says what Sextant does begins. */
  row: string
  /** The configuration without which it is not met. */
  needs?: string
  explains: (difference: Case) => boolean
}

/** Of messages, cache and forward. */
const general: readonly Known[] = [
  {
    row: 'QTYPE OPT or TSIG: FORMERR',
    explains: ({ type, ours }) => (type === TYPE.OPT || type === TYPE.TSIG) && ours.rcode === RCODE.FORMERR,
  },
  {
    row: 'negative answers for at most the SOA',
    explains: c => differsInTtl(c) && !c.ours.aa && ttlsOf(c.ours).every(ttl => ttl === SOA_MINIMUM),
  },
  {
    row: 'TTLs are kept per record and count down',
    explains: c => differsInTtl(c) && new Set(ttlsOf(c.theirs)).size === 1,
  },
  {
    row: 'AA=1 only on data of a local plugin; 0 on forwarded and cached answers',
    explains: ({ in: found, ours, theirs }) => found.join() === 'aa' && !ours.aa && theirs.aa,
  },
  {
    row: 'UDP replies of at most 1,232 octets, and at most 25 times the query',
    explains: ({ in: found, over, question, ours, theirs }) => {
      const query = encodeQuery(question.labels, question.type, question.flags).length
      const isLarger = theirs.octets > Math.min(1232, 25 * query)
      return over === 'udp' && found.every(part => part === 'aa' || part === 'tc') && ours.tc && isLarger
    },
  },
  {
    row: 'AXFR and IXFR are REFUSED',
    explains: ({ type, ours, theirs }) =>
      (type === TYPE.AXFR || type === TYPE.IXFR) && ours.rcode === RCODE.REFUSED && theirs.rcode !== RCODE.REFUSED,
  },
  {
    row: 'nobody in the chain has the name: REFUSED with EDE 20',
    explains: ({ block, ours, theirs }) =>
      block.configuration.forward === false && ours.rcode === RCODE.REFUSED && theirs.rcode === RCODE.SERVFAIL,
  },
  {
    row: 'only the answer to the question is passed on',
    explains: ({ in: found, ours, theirs }) =>
      found.includes('authority') && ours.authority.length === 0 && theirs.authority[0]?.owner === 'invalid.',
  },
  {
    row: 'names in answers are in lower case, or as the question spells them',
    explains: ({ in: found }) => found.join() === 'case',
  },
]

const PORTS_OF_SERVICES = 4
const PORT_NAMES = 5

/** Of names that one server has and the other has not. */
const names: readonly Known[] = [
  {
    row: 'ANY is one HINFO',
    explains: ({ type, ours, theirs }) =>
      type === TYPE.ANY &&
      ours.answer.map(record => record.type).join() === `${TYPE.HINFO}` &&
      theirs.answer.length === 0,
  },
  {
    row: 'TXT and SOA follow the existence of the name like any type',
    explains: ({ type, ours, theirs, left }) =>
      (type === TYPE.TXT && isNoData(ours) && isDenied(theirs) && left.length <= 2) ||
      (type === TYPE.SOA && isDenied(ours) && isNoData(theirs)),
  },
  {
    row: 'existing inner names (`dns.ZONE`, `_tcp.SVC…`',
    explains: ({ block, ours, theirs, left }) =>
      isNoData(ours) &&
      isDenied(theirs) &&
      (left.join() === 'dns' ||
        (hasOption(block, 'zonal') && /^svc,[^,]+,[^,]+,_zone(,pin|,prefer)?$/.test(left.join())) ||
        (hasOption(block, 'multicluster') && clusterIds.has(left.slice(1).reverse().join('.'))) ||
        (left[0] === 'svc' &&
          left.length === PORTS_OF_SERVICES &&
          protocolNames.has(left.slice(1).reverse().join('.').replace(/^_/, '')))),
  },
  {
    row: '`ns.dns.ZONE`, `dns-version.ZONE`, and reverse names that exist, are NODATA for other types',
    explains: ({ type, ours, theirs, question, left }) =>
      isNoData(ours) &&
      isDenied(theirs) &&
      (['dns-version', 'dns,ns'].includes(left.join()) ||
        (type !== TYPE.PTR && addressNames.has(nameText(question.labels).toLowerCase()))),
  },
  {
    row: 'reverse zones have reverse names alone',
    explains: c =>
      isReverse(c) &&
      ['svc', 'pod', 'dns', 'dns-version'].includes(c.left[0] ?? '') &&
      isDenied(c.ours) &&
      (c.theirs.aa || c.theirs === SILENCE),
  },
  {
    row: 'an empty port or protocol label (`_._tcp.SVC…`), colons in pod names, surplus nibbles of reverse names: no such name',
    explains: c =>
      isDenied(c.ours) &&
      c.theirs.aa &&
      ((c.left[0] === 'svc' && c.left.length === PORT_NAMES && c.left.slice(3).includes('_')) ||
        (c.left[0] === 'pod' && c.left.length === 3 && c.left[2]!.includes(':')) ||
        (isReverse(c) && c.question.labels.length > 34)),
  },
  {
    row: 'labels left of a pod name: NXDOMAIN; SRV of a pod name: NODATA',
    explains: ({ type, ours, theirs, left }) =>
      left[0] === 'pod' &&
      ((left.length > 3 && isDenied(ours) && theirs.aa) ||
        (left.length === 3 &&
          type === TYPE.SRV &&
          isNoData(ours) &&
          theirs.answer.every(({ data }) => / 0 \S+$/.test(data)))),
  },
  {
    row: 'addresses in names of pods are compared as addresses',
    explains: ({ block, ours, theirs, left }) =>
      hasOption(block, 'pods verified') &&
      left[0] === 'pod' &&
      left.length === 3 &&
      /(^|-)0/.test(left[2]!) &&
      exists(ours) &&
      isDenied(theirs),
  },
  {
    row: 'a pod that is being deleted is there until it is gone',
    explains: ({ block, ours, theirs, left }) =>
      hasOption(block, 'pods verified') && left.join() === 'pod,prod,10-244-20-5' && exists(ours) && isDenied(theirs),
  },
  {
    row: 'names that go on after `ns.dns.ZONE` are none of this server',
    explains: ({ block, ours, theirs, left, zone }) => {
      const name = [...left].reverse().join('.')
      const goesOn = block.zones.some(other => `${name}.${zone}`.startsWith(`ns.dns.${other.toLowerCase()}.`))
      return goesOn && isDenied(ours) && theirs.aa && theirs.rcode === RCODE.NOERROR
    },
  },
]

/** Of what services, slices and settings come to. */
const clusters: readonly Known[] = [
  {
    row: 'reverse names only of services that resolve',
    explains: c =>
      c.type === TYPE.PTR &&
      isReverse(c) &&
      isDenied(c.ours) &&
      c.theirs.answer.length > 0 &&
      c.theirs.answer.every(({ data }) => data.includes('.nowhere.svc.') || data.includes('.orphan.')),
  },
  {
    row: 'reverse names respect `namespace_labels`',
    explains: c =>
      c.type === TYPE.PTR &&
      isReverse(c) &&
      isDenied(c.ours) &&
      c.theirs.answer.length > 0 &&
      hasOption(c.block, 'namespace_labels'),
  },
  {
    row: 'a slice that belongs to no service has no reverse names',
    explains: c => c.type === TYPE.PTR && isReverse(c) && isDenied(c.ours) && c.theirs === SILENCE,
  },
  {
    row: 'targets of more than 255 octets are left out',
    explains: ({ type, ours, theirs }) =>
      (type === TYPE.PTR || type === TYPE.SRV) &&
      theirs.answer.some(({ data }) => data.replace(/^.* /, '').length > 254) &&
      theirs.answer.length > ours.answer.length,
  },
  {
    row: 'apex NS and `ns.dns` in any case, and with `bind`',
    explains: ({ block, type, ours, theirs, left }) =>
      !block.configuration.wildcard &&
      ours.answer.length > 0 &&
      ((left.length === 0 && type === TYPE.NS && isNoData(theirs)) ||
        (left.join() === 'dns,ns' && isAddressType(type) && (isNoData(theirs) || isDenied(theirs)))),
  },
  {
    row: 'NS records of reverse zones name servers of the first cluster zone',
    needs: 'on all addresses',
    explains: c =>
      c.block.configuration.wildcard === true &&
      c.type === TYPE.NS &&
      isReverse(c) &&
      c.left.length === 0 &&
      c.ours.answer.length === c.theirs.answer.length &&
      c.theirs.answer.every(({ data }) => data.endsWith(`.${c.zone}.`)),
  },
  {
    row: 'no link-local addresses in what names this server',
    needs: 'on all addresses, not kube-system',
    explains: ({ block, ours, theirs }) => {
      const isLinkLocal = ({ type, data }: Rr): boolean => type === TYPE.AAAA && data.startsWith('fe80')
      const rest = (records: readonly Rr[]): Set<string> => textsOf(records.filter(record => !isLinkLocal(record)))
      return (
        block.configuration.wildcard === true &&
        [...theirs.answer, ...theirs.additional].some(isLinkLocal) &&
        sameSet(textsOf(ours.additional), rest(theirs.additional)) &&
        sameSet(textsOf(ours.answer), rest(theirs.answer))
      )
    },
  },
  {
    row: 'an ExternalName whose target in the zone has no such record still gives its CNAME',
    explains: ({ type, ours, theirs }) =>
      isAddressType(type) &&
      exists(theirs) &&
      ours.answer.every(record => record.type === TYPE.CNAME) &&
      theirs.answer.every(record => record.type === TYPE.CNAME) &&
      saysMore(ours, theirs),
  },
  {
    row: 'a chain of ExternalNames is followed for ten CNAMEs',
    explains: ({ ours, theirs }) =>
      ours.answer.length === 10 &&
      ours.answer.every(record => record.type === TYPE.CNAME) &&
      (theirs.answer.length > 10 || isNoData(theirs)),
  },
  {
    row: 'a target of an ExternalName is looked up in the longest zone',
    explains: ({ block, type, ours, theirs, zone }) =>
      isAddressType(type) &&
      ours.answer[0]?.type === TYPE.CNAME &&
      block.zones.some(other => other.endsWith(`.${zone}`) || zone?.endsWith(`.${other}`)) &&
      (isNoData(theirs) || theirs.answer[0]?.data === ours.answer[0].data),
  },
  {
    row: 'a port of a slice that has no number is no port',
    explains: ({ ours, theirs, left }) =>
      left[0] === 'svc' &&
      left[2] === 'numberless' &&
      theirs.aa &&
      (isDenied(ours) || ours.answer[0]?.type === TYPE.SRV),
  },
  {
    row: '`ignore empty_service` has no effect with `noendpoints`',
    explains: ({ block, ours, theirs }) =>
      hasOption(block, 'noendpoints') &&
      hasOption(block, 'ignore empty_service') &&
      ours.rcode === RCODE.NOERROR &&
      (isDenied(theirs) || isNoData(theirs)),
  },
  {
    row: 'with `endpoint_pod_names`, a pod with dots in its name is named by its address',
    explains: ({ block, ours, theirs, left }) =>
      hasOption(block, 'endpoint_pod_names') &&
      (left.join() === 'svc,prod,pods,10-244-10-3' ? isDenied(theirs) : hasText(theirs, 'dotted.name.pods.')) &&
      !hasText(ours, 'dotted.name'),
  },
]

/** Of multicluster zones. */
const clusterSets: readonly Known[] = [
  {
    row: '`multicluster`: `dns-version.ZONE` is `1.0.0`',
    needs: 'multicluster',
    explains: ({ in: found, type, ours, theirs, left }) =>
      found.join() === 'answer' &&
      type === TYPE.TXT &&
      left.join() === 'dns-version' &&
      ours.answer[0]!.data === textData('1.0.0') &&
      theirs.answer[0]!.data === textData('1.1.0'),
  },
  {
    row: '`multicluster`: ServiceImports without ports resolve',
    needs: 'multicluster',
    explains: ({ block, ours, theirs, left }) =>
      isOfSet(block, left) && left[2] === 'portless' && exists(ours) && isDenied(theirs),
  },
  {
    row: '`multicluster`: `namespace_labels` is about namespaces',
    needs: 'multicluster, namespace_labels',
    explains: ({ block, ours, theirs, left }) =>
      isOfSet(block, left) && hasOption(block, 'namespace_labels') && exists(ours) && isDenied(theirs),
  },
  {
    row: '`multicluster`: a cluster id may be of two labels',
    needs: 'multicluster',
    explains: ({ block, ours, theirs, left }) =>
      isOfSet(block, left) && left.slice(2, 5).join() === 'far,south,us' && exists(ours) && isDenied(theirs),
  },
  {
    row: '`multicluster`: endpoints of slices that do not name their cluster are `EP.SVC.NS.svc.ZONE`',
    needs: 'multicluster',
    explains: ({ block, type, ours, theirs, left }) =>
      isOfSet(block, left) &&
      left[2] === 'homeless' &&
      exists(ours) &&
      (theirs === SILENCE ? type === TYPE.SRV : isDenied(theirs)),
  },
  {
    row: '`multicluster`: NS and reverse names lead to the first zone that is not multicluster',
    needs: 'multicluster',
    explains: c =>
      hasOption(c.block, 'multicluster') &&
      isReverse(c) &&
      c.in.join() === 'answer' &&
      c.ours.answer.every(({ data }) => data.endsWith('.cluster.local.')) &&
      c.theirs.answer.every(({ data }) => data.endsWith('.clusterset.local.')),
  },
]

function isOfSet(block: Block, left: readonly string[]): boolean {
  return hasOption(block, 'multicluster') && left[0] === 'svc'
}

/** TXT data of one string. */
function textData(text: string): string {
  return Buffer.from([text.length, ...Buffer.from(text)]).toString('hex')
}

export const known: readonly Known[] = [...general, ...names, ...clusters, ...clusterSets]

export function knownRow(difference: Difference): string | undefined {
  const taken = caseOf(difference)
  return known.find(({ explains }) => explains(taken))?.row
}
