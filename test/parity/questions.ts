/**
 * Questions for a configuration: names of the cluster and of the world as they are, and names made of them by whoever
 * mistypes, guesses or attacks.
 */
import type { Configuration } from './configurations.ts'
import { type Flags, type Labels, labelsOf, nameOctets, nameText, TYPE, typeName } from './dns.ts'
import { clusterNames, outsideNames, reverseNames, under } from './names.ts'
import { Random } from './random.ts'

export interface Question {
  labels: Labels
  type: number
  flags: Flags
}

const MAX_NAME_OCTETS = 255
const COMMON = [TYPE.A, TYPE.AAAA, TYPE.SRV, TYPE.PTR, TYPE.CNAME]
const RARE = [TYPE.TXT, TYPE.SOA, TYPE.NS, TYPE.MX, TYPE.ANY, TYPE.HTTPS, TYPE.SVCB, TYPE.DS, TYPE.HINFO]
const ODD = [
  0,
  65_535,
  TYPE.NAPTR,
  TYPE.CAA,
  TYPE.DNSKEY,
  TYPE.RRSIG,
  TYPE.OPT,
  TYPE.TSIG,
  TYPE.AXFR,
  251,
  253,
  254,
  1000,
]

export function questionText({ labels, type, flags }: Question): string {
  const edns = flags.edns === undefined ? '' : ` +bufsize=${flags.edns}${flags.dnssecOk ? ' +dnssec' : ''}`
  return `${nameText(labels)} ${typeName(type)}${flags.rd ? '' : ' +norec'}${edns}`
}

/** At least `count` different ones; a thorough configuration has more. */
export function questionsFor(
  configuration: Configuration,
  zones: readonly string[],
  seed: number,
  count: number,
): Question[] {
  const random = new Random(seed)
  const names = namesUnder(zones)
  const found = new Map<string, Question>()
  const add = (labels: Labels, type: number): void => {
    if (nameOctets(labels) > MAX_NAME_OCTETS || labels.some(label => label.length === 0 || label.length > 63)) return
    const question = { labels, type, flags: flagsOf(random) }
    found.set(questionText(question), question)
  }
  if (configuration.thorough) {
    for (const labels of names) for (const type of [...COMMON.slice(0, 4), random.one(RARE)]) add(labels, type)
    count += found.size
  }
  for (const name of configuration.asks ?? []) add(labelsOf(name), TYPE.A)
  // Every type at the names that all zones have.
  for (const zone of zones) {
    for (const name of ['', 'dns-version', 'ns.dns', 'svc']) {
      for (const type of random.percent(50) ? RARE : [...COMMON, TYPE.NS]) add(under(zone, name), type)
    }
  }
  while (found.size < count) {
    const labels = random.one(names)
    add(random.percent(45) ? mutated(labels, random) : labels, typeOf(labels, random))
  }
  return [...found.values()]
}

function namesUnder(zones: readonly string[]): Labels[] {
  const isReverse = (zone: string): boolean => zone.toLowerCase().endsWith('arpa')
  return [
    ...zones.filter(zone => !isReverse(zone)).flatMap(zone => clusterNames.map(name => under(zone, name))),
    ...(zones.some(isReverse) ? reverseNames.map(labelsOf) : []),
    ...outsideNames.map(labelsOf),
  ]
}

function typeOf(labels: Labels, random: Random): number {
  const top = labels.at(-1)?.toString().toLowerCase()
  if (top === 'arpa' && random.percent(60)) return TYPE.PTR
  const dice = random.below(100)
  return random.one(dice < 75 ? COMMON : dice < 94 ? RARE : ODD)
}

function flagsOf(random: Random): Flags {
  const rd = !random.percent(15)
  if (random.percent(60)) return { rd }
  return { rd, edns: random.one([0, 512, 1232, 1232, 1400, 4096, 65_535]), dnssecOk: random.percent(40) }
}

type Mutation = (labels: Buffer[], random: Random) => void

/** A position among the labels left of the zone's last two, or any if there are none. */
const somewhere = (labels: readonly Buffer[], random: Random): number => random.below(Math.max(1, labels.length - 1))
const text = (value: string): Buffer => Buffer.from(value, 'latin1')

const STRANGE_LABELS = [
  '*',
  'any',
  '_',
  '-',
  '_tcp',
  '_udp',
  '_http',
  'svc',
  'pod',
  'x',
  '0',
  'a b',
  '"',
  '\\',
  '10-244-2-1',
  '__proto__',
]
const STRANGE_OCTETS = [0, 0x09, 0x20, 0x2e, 0x2e, 0x5c, 0x22, 0x7f, 0x80, 0xc3, 0xff, 0x41, 0x5f, 0x2d]

const MUTATIONS: readonly Mutation[] = [
  (labels, random) => {
    for (const label of labels) {
      for (let i = 0; i < label.length; i++) {
        if (random.percent(50) && /[a-zA-Z]/.test(String.fromCharCode(label[i]!))) label[i]! ^= 0x20
      }
    }
  },
  (labels, random) => labels.unshift(text(random.one(STRANGE_LABELS))),
  (labels, random) => labels.splice(somewhere(labels, random), 0, text(random.one(STRANGE_LABELS))),
  (labels, random) => labels.splice(somewhere(labels, random), 1),
  (labels, random) => labels.splice(somewhere(labels, random), 1, text(random.one(STRANGE_LABELS))),
  (labels, random) => {
    const at = somewhere(labels, random)
    const label = labels[at]
    if (label) labels[at] = label[0] === 0x5f ? label.subarray(1) : Buffer.concat([text('_'), label])
  },
  // Two labels become one with a dot in it.
  (labels, random) => {
    const at = somewhere(labels, random)
    const pair = labels.slice(at, at + 2)
    if (pair.length === 2) labels.splice(at, 2, Buffer.concat([pair[0]!, text('.'), pair[1]!]))
  },
  (labels, random) => {
    const at = somewhere(labels, random)
    const label = labels[at]
    if (!label) return
    const cut = random.below(label.length + 1)
    labels[at] = Buffer.concat([label.subarray(0, cut), Buffer.from([random.one(STRANGE_OCTETS)]), label.subarray(cut)])
  },
  (labels, random) => labels.splice(somewhere(labels, random), random.below(2), text('a'.repeat(63))),
  (labels, random) => {
    const at = somewhere(labels, random)
    labels.splice(at, 1, Buffer.from(Array.from({ length: 1 + random.below(8) }, () => random.below(256))))
  },
  // As long as a name can be.
  (labels, random) => {
    for (let left = MAX_NAME_OCTETS - nameOctets(labels); left > 1; left = MAX_NAME_OCTETS - nameOctets(labels)) {
      const length = Math.min(left - 1, random.one([1, 20, 63]))
      labels.unshift(text('y'.repeat(left - 1 - length === 1 ? length - 1 || 1 : length)))
      if (left === 3 && length === 1) break
    }
  },
  (labels, random) => {
    const at = somewhere(labels, random)
    const label = labels[at]
    if (label) labels[at] = text(label.toString('latin1').replace('-', random.one(['.', '--', ':', ''])) || 'x')
  },
  // A miss in the search list of a pod.
  labels => {
    const search = ['default', 'svc', ...labels.slice(-2).map(label => label.toString('latin1'))]
    labels.push(...search.map(text))
  },
  labels => labels.reverse(),
]

function mutated(labels: Labels, random: Random): Labels {
  const changed = labels.map(label => Buffer.from(label))
  for (let i = random.one([1, 1, 1, 2]); i > 0; i--) random.one(MUTATIONS)(changed, random)
  return changed
}
