/**
 * The floor of a server on these sockets: reads in batches and sends every message back with QR set, out of the listener's
 * own memory, in its own groups and as often in a row. `read` also reads header and question before.
 *
 *   node bench/ladder/echo.ts PORT echo|read
 */
import { loadCalls } from '../../server/listen/ffi.ts'
import { canSegment } from '../../server/listen/segments.ts'
import { Arena, BATCH } from '../../server/listen/udp-arena.ts'
import { FULL_ENOUGH, MAX_ROUNDS } from '../../server/listen/udp-batch.ts'
import { Groups } from '../../server/listen/udp-groups.ts'
import { UdpSocket } from '../../server/listen/udp-socket.ts'
import { takeQuery } from '../../server/serve.ts'
import { accept, GO } from '../../server/wire/accept.ts'
import { RCODE } from '../../server/wire/codes.ts'
import { readQuery } from '../../server/wire/query.ts'

const MSG_DONTWAIT = 0x40
const QR = 0x80

const [port, mode] = process.argv.slice(2)
const ffi = loadCalls()
if (ffi === undefined) throw new Error('node:ffi is not to be had, expected Node 26 on Linux')
const { calls } = ffi
const socket = new UdpSocket(ffi, '127.0.0.1', Number(port))
const arena = new Arena(ffi, socket.family, socket.isWildcard)
const groups = new Groups(ffi, arena)
const q = takeQuery()
q.bytes = arena.bytes
const isToRead = mode === 'read'

function drain(): void {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const count = calls.recvmmsg(socket.fd, arena.receiveHeaders, BATCH, MSG_DONTWAIT, 0n)
    if (count <= 0) return
    let replies = 0
    for (let i = 0; i < count; i++) {
      q.start = arena.packetAt(i)
      q.length = arena.receivedLength(i)
      if (isToRead && (accept(q.bytes, q.start, q.length) !== GO || readQuery(q) !== RCODE.NOERROR)) continue
      q.bytes[q.start + 2]! |= QR
      arena.reply(replies++, i, q.length)
    }
    send(replies)
    arena.rearm(count)
    if (count < FULL_ENOUGH) return
  }
}

function send(replies: number): void {
  const formed = replies > 1 && canSegment() ? groups.form(replies) : replies
  if (formed < replies) calls.sendmmsg(socket.fd, groups.headers, formed, MSG_DONTWAIT)
  else if (replies > 0) calls.sendmmsg(socket.fd, arena.sendHeaders, replies, MSG_DONTWAIT)
}

ffi.watch(socket.fd, drain)
process.stdout.write('listening\n')
