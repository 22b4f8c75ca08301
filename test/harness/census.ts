/** Which thread answers whom, asked through `havoc`. */
import { setTimeout as sleep } from 'node:timers/promises'
import { build } from 'esbuild'
import { plugins } from '../../plugins/index.ts'
import { families, total } from '../../server/metrics.ts'
import { havoc } from './havoc.ts'
import { type RunningServer, startServer, temporaryFolder } from './server.ts'

const REPLACED_MS = 40_000
const bundles = temporaryFolder()
const THREAD_FILE = `${bundles.path}/thread.cjs`

/** Bundles what threads run: one is there in a tenth of a second then, not in one. */
export async function makeThreadBundle(): Promise<void> {
  await build({
    entryPoints: [`${import.meta.dirname}/thread.ts`],
    outfile: THREAD_FILE,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node26',
    define: { 'import.meta.dirname': '__dirname', 'import.meta.resolve': 'require.resolve' },
    logLevel: 'error',
  })
}

export function removeThreadBundle(): void {
  bundles.remove()
}

/** A server whose threads know `havoc`. */
export function startThreads(corefile: string): Promise<RunningServer> {
  return startServer(corefile, [...plugins, havoc], THREAD_FILE)
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

/** One block on the loopback whose threads know `havoc`. */
export function corefile(sockets: number | undefined, body = 'havoc'): string {
  const line = sockets === undefined ? '' : `multisocket ${sockets}\n`
  return `. {\nbind 127.0.0.1\n${line}prometheus 127.0.0.1:0\n${body}\n}\n`
}

/** Makes one thread other than the main one answer a question. Gives its number. */
export async function tellAnother(server: RunningServer, name: string): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const thread = await whoAnswers(server, name)
    if (thread > 0) return thread
  }
  throw new Error('the main thread answers everything')
}

/** The sum over all samples of a name whose label values match. */
export function counted(name: string, kind = /^/): number {
  const children = [...(families.get(name)?.children.values() ?? [])]
  return children.filter(({ values }) => kind.test(values.join(' '))).reduce((sum, child) => sum + total(child), 0)
}

/** Waits until something holds. Gives how long it took, in milliseconds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<number> {
  const startedAtMs = performance.now()
  while (!(await holds())) {
    if (performance.now() - startedAtMs > REPLACED_MS) throw new Error(`never came: ${what}`)
    await sleep(20)
  }
  return performance.now() - startedAtMs
}
