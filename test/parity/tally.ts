/** Puts the questions to both servers, block by block, and keeps count of what they agreed on. */
import { askTcp, askUdp } from './client.ts'
import { differences, differsInCase, faults, recordText, SECTIONS } from './compare.ts'
import type { Configuration } from './configurations.ts'
import type { Difference } from './difference.ts'
import { decodeReply, encodeQuery, nameText, RCODE_NAMES, type Reply, typeName } from './dns.ts'
import { type Known, known, knownRow } from './known.ts'
import type { Block } from './peers.ts'
import { type Question, questionsFor, questionText } from './questions.ts'

const SHOWN_RECORDS = 6

export class Tally {
  readonly #perBlock: number
  readonly #seed: string
  #questions = 0
  #same = 0
  readonly #known = new Map<string, number>(known.map(({ row }) => [row, 0]))
  readonly #others: Difference[] = []

  constructor(perBlock: number, seed: string) {
    this.#perBlock = perBlock
    this.#seed = seed
  }

  async compare(block: Block): Promise<void> {
    const seed = seedOf(`${this.#seed} ${block.configuration.name} ${block.cached}`)
    const questions = questionsFor(block.configuration, block.zones, seed, this.#perBlock)
    const messages = questions.map(({ labels, type, flags }) => encodeQuery(labels, type, flags))
    const [udp, theirUdp, tcp, theirTcp] = await Promise.all([
      askUdp(block.ours, messages),
      askUdp(block.theirs, messages),
      askTcp(block.ours, messages),
      askTcp(block.theirs, messages),
    ])
    this.#questions += questions.length
    questions.forEach((question, i) => {
      this.#add({ block, over: 'udp', question, ours: read(udp[i]), theirs: read(theirUdp[i]) })
      this.#add({ block, over: 'tcp', question, ours: read(tcp[i]), theirs: read(theirTcp[i]) })
    })
  }

  #add(pair: Omit<Difference, 'in'>): void {
    const found = findings(pair.question, pair.ours, pair.theirs)
    if (found.length === 0) {
      this.#same++
      return
    }
    const difference = { ...pair, in: found }
    const row = knownRow(difference)
    if (row === undefined) this.#others.push(difference)
    else this.#known.set(row, this.#known.get(row)! + 1)
  }

  /**
   * Prints what was found, `show` examples of each kind of difference that is not known. Gives the exit code; what is known
   * must have been met where its configuration is among `all`, undefined if only some were compared.
   */
  report(show: number, all: readonly Configuration[] | undefined): number {
    for (const alike of Map.groupBy(this.#others, kindOf).values()) {
      console.log(`  ${alike.length} like this:`)
      for (const difference of alike.slice(0, show)) print(difference)
    }
    for (const [row, count] of this.#known) if (count > 0) console.log(`  ${String(count).padStart(6)} ${row}`)
    const met = ({ row, needs }: Known) => this.#known.get(row)! > 0 || !all || !isIn(needs, all)
    const unmet = known.filter(one => !met(one))
    for (const { row } of unmet) console.log(`   never ${row}`)
    const explained = [...this.#known.values()].reduce((sum, count) => sum + count, 0)
    const failed = this.#others.length + unmet.length
    const counts = `${this.#same} replies the same, ${explained} known differences, ${this.#others.length} others`
    console.log(`${this.#questions} questions over UDP and TCP: ${counts}`)
    console.log(`${this.#same + explained} passed, ${failed} failed`)
    return failed === 0 ? 0 : 1
  }
}

function isIn(needed: string | undefined, configurations: readonly Configuration[]): boolean {
  return needed === undefined || configurations.some(({ name }) => name === needed)
}

function read(message: Buffer | undefined): Reply | undefined {
  return message && decodeReply(message)
}

function findings(question: Question, ours: Reply | undefined, theirs: Reply | undefined): string[] {
  const found = differences(ours, theirs)
  if (found.length === 0 && ours && theirs && differsInCase(ours, theirs)) found.push('case')
  if (ours) found.push(...faults(ours, nameText(question.labels), typeName(question.type)))
  return found
}

/** FNV-1a. */
function seedOf(text: string): number {
  let hash = 0x811c9dc5
  for (const octet of Buffer.from(text)) hash = Math.imul(hash ^ octet, 0x01000193)
  return hash >>> 0
}

/** Differences of one kind are likely one mistake. */
function kindOf({ over, question, ours, theirs, in: found }: Difference): string {
  return [typeName(question.type), over, ours?.rcode, theirs?.rcode, ...found].join(' ')
}

function print({ block, over, question, ours, theirs, in: found }: Difference): void {
  const where = `${block.configuration.name}${block.cached ? ', cache' : ''} ${over}`
  console.log(`  ${where}: ${questionText(question)}: ${found.join(' ')}`)
  console.log(`    ours\n${replyText(ours)}\n    theirs\n${replyText(theirs)}`)
}

function replyText(reply: Reply | undefined): string {
  if (!reply) return '      no reply'
  const flags = `${reply.aa ? ' aa' : ''}${reply.tc ? ' tc' : ''}`
  const records = SECTIONS.flatMap(section =>
    reply[section].slice(0, SHOWN_RECORDS).map(record => `      ${section}: ${recordText(record)}`),
  )
  return [`      ${RCODE_NAMES[reply.rcode] ?? reply.rcode}${flags} (${reply.octets} octets)`, ...records].join('\n')
}
