/**
 * Entry of dist/node-local.cjs, what a node needs beside a server of its own (docs/node-local.md): the one part of Sextant
 * that may change the network of its node, and reads nothing from it.
 *
 * ```
 * prepare   gives the node its addresses, and the fallback to the Service
 * watch     does the same and goes on: what a server serves, by its heartbeats, is asked on the node
 * ready     ends with 0 if the server of this watcher serves
 * remove    takes addresses, fallback, and tables without owner away
 * ```
 */
import { addAddresses, removeAddresses } from './addresses.ts'
import { offerFallback, removeFallback } from './fallback.ts'
import { fatal, info, plain } from './log.ts'
import { whyNotReady } from './ready.ts'
import { readSettings, type Settings } from './settings.ts'
import { removeOwnTables } from './table.ts'
import { Watcher } from './watcher.ts'

const USAGE = 'usage: node-local.cjs prepare | watch | ready | remove'

const COMMANDS: Readonly<Record<string, { needsSocket: boolean; run: (settings: Settings) => Promise<void> }>> = {
  prepare: { needsSocket: false, run: prepare },
  watch: { needsSocket: true, run: watch },
  ready: { needsSocket: true, run: ready },
  remove: { needsSocket: false, run: remove },
}

async function prepare(settings: Settings): Promise<void> {
  await addAddresses(settings)
  await offerFallback(settings)
  plain(`prepared ${texts(settings.addresses)}; fallback: ${texts(settings.fallback) || 'none'}`)
}

async function watch(settings: Settings): Promise<void> {
  let watcher: Watcher | undefined
  // Before all else: the first process of a container is not ended by a signal that it does not listen to.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => Promise.resolve(watcher?.stop()).finally(() => process.exit(0)))
  }
  watcher = await Watcher.start(settings)
  info(`watching ${settings.socket} for ${texts(settings.addresses)}; fallback: ${texts(settings.fallback) || 'none'}`)
}

async function ready({ socket }: Settings): Promise<void> {
  const why = await whyNotReady(socket)
  if (why !== '') throw new Error(why)
}

async function remove(settings: Settings): Promise<void> {
  await removeFallback()
  const removed = await removeAddresses(settings.addresses)
  plain(`removed ${texts(removed) || 'no address'} and the fallback`)
  const left = await removeOwnTables()
  if (left.length > 0) throw new Error(`found tables of watchers that still run, expected none: ${left.join(', ')}`)
}

const texts = (addresses: readonly { text: string }[]) => addresses.map(({ text }) => text).join(', ')

void main(process.argv.slice(2))

async function main([word = '', ...others]: readonly string[]): Promise<void> {
  const command = others.length === 0 && Object.hasOwn(COMMANDS, word) ? COMMANDS[word] : undefined
  try {
    if (command === undefined) throw new Error(`found "${[word, ...others].join(' ')}"\n${USAGE}`)
    const { SEXTANT_WATCHER, SEXTANT_NODE_ADDRESSES, SEXTANT_NODE_FALLBACK } = process.env
    const given = { SEXTANT_WATCHER, SEXTANT_NODE_ADDRESSES, SEXTANT_NODE_FALLBACK }
    await command.run(readSettings(given, command.needsSocket))
  } catch (cause) {
    fatal((cause as Error).message)
    process.exit(1)
  }
}
