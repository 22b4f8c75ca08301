/**
 * `chaos`: says in class CH which software and which host this is, to those who ask for version.bind and its like (RFC 4892).
 * No other stage is asked anything of that class, and nothing of it is forwarded.
 */
import { hostname } from 'node:os'
import type { Answer, Directive, Next, Plugin, Query, Stage } from '../../server/plugin.ts'
import { QUESTION } from '../../server/plugin.ts'
import { random } from '../../server/random.ts'
import { VERSION } from '../../server/version.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { nameFromText } from '../../server/wire/name.ts'

const MAX_TEXT_BYTES = 255 // RFC 1035 §3.3
const AUTHORS = ['the Sextant authors']

export const plugin: Plugin = { name: 'chaos', setup }

function setup(directive: Directive): Stage {
  const chaos = directive.once()
  chaos.noBlock()
  const [version = `Sextant-${VERSION}`, ...authors] = chaos.args.map(({ text }) => text)
  return new ChaosStage(version, authors.length > 0 ? authors : AUTHORS)
}

class ChaosStage implements Stage {
  /** The texts at each name. */
  readonly #texts: readonly (readonly [name: Uint8Array, texts: readonly Uint8Array[]])[]

  constructor(version: string, authors: readonly string[]) {
    const texts: Record<string, readonly string[]> = {
      'version.bind': [version],
      'version.server': [version],
      'hostname.bind': [hostname() || 'localhost'],
      'id.server': [hostname() || 'localhost'],
      'authors.bind': authors,
    }
    this.#texts = Object.entries(texts).map(([name, values]) => [nameFromText(name), values.map(characterString)])
  }

  chaos(q: Query, refuse: Next): Answer | Promise<Answer> {
    if (q.qtype !== TYPE.TXT) return refuse(q)
    const name = q.qname.subarray(0, q.qnameLength)
    const texts = this.#texts.find(([known]) => Buffer.compare(known, name) === 0)?.[1]
    if (texts === undefined) return refuse(q)
    const a = q.answer.reset()
    const first = random() % texts.length // none of the authors is always the first
    for (let i = 0; i < texts.length; i++) {
      a.answer.add(QUESTION, 0, TYPE.TXT, 0, texts[(first + i) % texts.length]!)
    }
    return a
  }
}

/** CoreDNS: cuts what is too long as well. */
function characterString(text: string): Uint8Array {
  const octets = Buffer.from(text).subarray(0, MAX_TEXT_BYTES)
  return Uint8Array.from([octets.length, ...octets])
}
