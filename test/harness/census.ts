/** Which thread answers whom, asked through `chaos`. */

import { plugins } from '../../plugins/index.ts'
import { chaos } from './chaos.ts'
import { type RunningServer, startServer } from './server.ts'

const THREAD_FILE = `${import.meta.dirname}/thread.ts`

/** A server whose threads know `chaos`. */
export function startThreads(corefile: string): Promise<RunningServer> {
  return startServer(corefile, [...plugins, chaos], THREAD_FILE)
}

export async function withThreads(corefile: string, task: (server: RunningServer) => Promise<void>): Promise<void> {
  const server = await startThreads(corefile)
  try {
    await task(server)
  } finally {
    await server.stop()
  }
}

/** The number of the thread that answers one client. */
export async function whoAnswers({ ask }: RunningServer, name = 'id', over: 'udp' | 'tcp' = 'udp'): Promise<number> {
  const reply = await ask(name, { type: 'TXT' }, over)
  const [, thread] = /TXT "(\d+)"/.exec(reply) ?? []
  if (thread === undefined) throw new Error(`found ${reply}, expected the number of a thread`)
  return Number(thread)
}

/** How many of `clients` each thread answers, each client with a port of its own. */
export async function census(
  server: RunningServer,
  over: 'udp' | 'tcp' = 'udp',
  clients = 64,
): Promise<Map<number, number>> {
  const answers = await Promise.all(Array.from({ length: clients }, () => whoAnswers(server, 'id', over)))
  return new Map([...Map.groupBy(answers, thread => thread)].map(([thread, { length }]) => [thread, length]))
}
