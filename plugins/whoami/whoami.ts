/**
 * Tells the client how the server sees it: its address and its port, in the additional section of an empty answer.
 * Answers every question; nothing behind it in the chain is asked.
 */
import ipaddr from 'ipaddr.js'
import type { Answer, Directive, Plugin, Query, Stage } from '../../server/plugin.ts'
import { QUESTION } from '../../server/plugin.ts'
import { TYPE } from '../../server/wire/codes.ts'
import { MAX_NAME_BYTES } from '../../server/wire/name.ts'

const NAME = 'whoami'
const UDP = Uint8Array.from(Buffer.from('\x04_udp', 'latin1'))
const TCP = Uint8Array.from(Buffer.from('\x04_tcp', 'latin1'))

export const plugin: Plugin = { name: NAME, setup }

function setup(directive: Directive): Stage {
  const whoami = directive.once()
  whoami.noArguments()
  whoami.noBlock()
  return new WhoamiStage()
}

class WhoamiStage implements Stage {
  handle(q: Query): Answer {
    const a = q.answer.reset()
    a.authoritative = true
    const [address] = q.peer.address.split('%') // the zone of a link-local address
    if (!ipaddr.isValid(address!)) return a // its connection is gone, and nobody reads this
    const bytes = Uint8Array.from(ipaddr.parse(address!).toByteArray())
    a.additional.add(QUESTION, 0, bytes.length === 4 ? TYPE.A : TYPE.AAAA, 0, bytes)
    addPort(q, a)
    return a
  }
}

/** SRV at `_udp.qname` or `_tcp.qname`, unless that is no name any more. */
function addPort(q: Query, a: Answer): void {
  const label = q.stream ? TCP : UDP
  const ownerLength = label.length + q.qnameLength
  if (ownerLength > MAX_NAME_BYTES) return
  const owner = new Uint8Array(ownerLength)
  owner.set(label)
  owner.set(q.qname.subarray(0, q.qnameLength), label.length)
  const { port } = q.peer
  a.additional.add(owner, 0, TYPE.SRV, 0, Uint8Array.of(0, 0, 0, 0, port >> 8, port & 255, 0))
}
