/** Asks a sample of the questions once and holds the replies against what must be in them. */
import { createSocket } from 'node:dgram'
import { decode, encode, type Packet } from 'dns-packet'
import type { Run, Target } from './dnsperf.ts'
import type { Question } from './mix.ts'

const WAIT_MS = 2_000

function ask(socket: ReturnType<typeof createSocket>, question: Question, id: number): Promise<Packet> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no reply to ${question.name} ${question.type}`)), WAIT_MS)
    const take = (reply: Buffer) => {
      if (reply.readUInt16BE(0) !== id) return
      clearTimeout(timer)
      socket.off('message', take)
      resolve(decode(reply))
    }
    socket.on('message', take)
    const questions = [{ name: question.name, type: question.type, class: 'IN' }]
    socket.send(encode({ type: 'query', id, flags: 0x100, questions } as unknown as Packet))
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
      const reply = (await ask(socket, question, i & 0xffff)) as Packet & { rcode: string }
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
  if (failed > completed / 100) throw new Error(`${target.name}: ${failed} of ${completed} replies are no answers`)
}
