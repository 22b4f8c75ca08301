/** Spreads clients over addresses: each reply brings them in another order, or the preferred networks first. */
import { isPromise } from '../../server/chain.ts'
import type { Answer, Directive, Next, Plugin, Query, Section, Stage } from '../../server/plugin.ts'
import { RCODE, TYPE } from '../../server/wire/codes.ts'
import { type Rank, shuffleImage, shuffleSection, sortByRank } from './order.ts'

const NAME = 'loadbalance'

/** A network whose addresses go first. */
interface Network {
  readonly bytes: Uint8Array
  readonly prefixLength: number
}

export const plugin: Plugin = {
  name: NAME,
  setup: (directive: Directive) => new LoadbalanceStage(parse(directive)),
}

function parse(directive: Directive): readonly Network[] {
  const loadbalance = directive.once()
  const [policy] = loadbalance.args
  if (policy !== undefined && policy.oneOf(['round_robin', 'weighted'], 'policy') === 'weighted') {
    throw policy.error('policy "weighted" is not here yet, expected round_robin')
  }
  loadbalance.optionalArgument()
  const preferred: Network[] = []
  loadbalance.each({
    reload: p => {
      throw p.error('"reload" without the policy weighted, expected prefer')
    },
    prefer: p => {
      for (const network of p.arguments(1)) preferred.push(network.cidr())
    },
  })
  return preferred
}

class LoadbalanceStage implements Stage {
  readonly #rank: Rank | undefined

  constructor(preferred: readonly Network[]) {
    if (preferred.length > 0) this.#rank = rankBy(preferred)
  }

  handle(q: Query, next: Next): Answer | Promise<Answer> {
    const answer = next(q)
    return isPromise(answer) ? answer.then(a => this.#balance(q, a)) : this.#balance(q, answer)
  }

  #balance(q: Query, a: Answer): Answer {
    if (a.rcode !== RCODE.NOERROR || q.qtype === TYPE.AXFR || q.qtype === TYPE.IXFR) return a
    if (this.#rank === undefined && shuffleImage(a)) return a
    shuffleSection(a.answer)
    shuffleSection(a.authority)
    shuffleSection(a.additional)
    if (this.#rank !== undefined) {
      sortByRank(a.answer, this.#rank)
      sortByRank(a.additional, this.#rank)
    }
    return a
  }
}

/** Aliases, the addresses network by network, those of none, exchanges, all others. */
function rankBy(networks: readonly Network[]): Rank {
  const others = networks.length + 1
  return (section, i) => {
    switch (section.type[i]) {
      case TYPE.CNAME:
        return 0
      case TYPE.A:
      case TYPE.AAAA: {
        const network = networks.findIndex(candidate => contains(candidate, section, i))
        return network < 0 ? others : network + 1
      }
      case TYPE.MX:
        return others + 1
      default:
        return others + 2
    }
  }
}

function contains({ bytes, prefixLength }: Network, section: Section, i: number): boolean {
  const data = section.data[i]!
  const at = section.dataAt[i]!
  if (section.dataLength[i] !== bytes.length) return false
  const whole = prefixLength >> 3
  for (let octet = 0; octet < whole; octet++) if (data[at + octet] !== bytes[octet]) return false
  const mask = 0xff00 >> (prefixLength & 7)
  return ((data[at + whole]! ^ bytes[whole]!) & mask & 255) === 0
}
