/** Asks a sample of the questions once and holds the replies against what must be in them. */
import { createSocket, type Socket } from 'node:dgram'
import { decode, type Packet } from 'dns-packet'
import type { Run, Target } from './dnsperf.ts'
import { messageOf } from './messages.ts'
import type { Question } from './mix.ts'

const WAIT_MS = 2_000

/** dns-packet's view of a reply, with fields that its types leave out. */
export type Reply = Packet & { rcode: string; flag_tc: boolean }

/** Sends one message under an id, over a connected socket, and waits for its reply. */
export function exchange(socket: Socket, message: Buffer, id: number): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer)
      socket.off('message', take).off('error', fail)
    }
    const fail = (cause: Error) => {
      end()
      reject(cause)
    }
    const timer = setTimeout(() => fail(new Error(`no reply to query ${id} in ${WAIT_MS} ms`)), WAIT_MS)
    socket.once('error', fail)
    const take = (reply: Buffer) => {
      if (reply.readUInt16BE(0) !== id) return
      end()
      resolve(decode(reply) as unknown as Reply)
    }
    socket.on('message', take)
    message.writeUInt16BE(id, 0)
    socket.send(message)
  })
}

/** @throws Error that names the first question with a wrong reply. */
export async function verify(target: Target, questions: readonly Question[], sample: number): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>(resolve => socket.connect(target.port, target.address, resolve))
  try {
    const step = Math.max(1, Math.floor(questions.length / sample))
    let checked = 0
    for (let i = 0; i < questions.length; i += step) {
      const question = questions[i]!
      const reply = await exchange(socket, messageOf(question), i & 0xffff)
      const records = reply.answers ?? []
      const data = records.map(record => {
        const { data } = record as { data: unknown }
        return typeof data === 'object' && data !== null && 'target' in data ? data.target : data
      })
      const wrong =
        reply.rcode !== question.rcode ||
        records.length !== question.answers ||
        (question.holds !== undefined && !data.includes(question.holds))
      if (wrong) {
        const got = `${reply.rcode} with ${records.length} answers: ${data.join(', ')}`
        const expected = `${question.rcode} with ${question.answers}${question.holds ? ` and ${question.holds}` : ''}`
        throw new Error(`${target.name}: ${question.name} ${question.type}: found ${got}, expected ${expected}`)
      }
      checked++
    }
    return checked
  } finally {
    socket.close()
  }
}

/** Shares of the rcodes that a run must have brought, against those it did: at most 1 % apart. It asks from the top. */
export function verifyShares(
  target: Target,
  questions: readonly Question[],
  rcodes: ReadonlyMap<string, number>,
): void {
  const total = [...rcodes.values()].reduce((sum, n) => sum + n, 0)
  if (total === 0) throw new Error(`${target.name}: no replies`)
  const asked = questions.slice(0, total)
  for (const rcode of new Set([...rcodes.keys(), 'NOERROR', 'NXDOMAIN'])) {
    const expected = asked.filter(question => question.rcode === rcode).length / asked.length
    const found = (rcodes.get(rcode) ?? 0) / total
    if (Math.abs(found - expected) > 0.01) {
      const percent = (share: number) => `${(share * 100).toFixed(1)} %`
      throw new Error(`${target.name}: ${percent(found)} of the replies were ${rcode}, expected ${percent(expected)}`)
    }
  }
}

/** Holds against a run of names that all exist: at most 1 % of the replies were something else than an answer. */
export function verifyAnswered(target: Target, { completed, rcodes }: Run): void {
  const failed = completed - (rcodes.get('NOERROR') ?? 0)
  if (completed === 0 || failed > completed / 100)
    throw new Error(`${target.name}: ${failed} of ${completed} replies are no answers`)
}
