/** Reloads one after the other at full load: nothing is lost, memory stays, and what is invalid changes nothing. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { query, replyText } from '../../harness/message.ts'
import { exchangeUdp } from '../../harness/server.ts'
import { type Note, test } from '../../harness/suite.ts'
import { delay } from '../../harness/time.ts'
import { Asker } from '../asker.ts'
import { askFor, clusterCorefile, told } from '../load.ts'
import { isLong, type Ports, Subject } from '../subject.ts'

const RELOADED = /^\[INFO\] Reloading complete$/
const FAILED = /^\[ERROR\] Reloading failed, the old configuration stays/
const RELOAD_MS = 20_000
const MIB = 1 << 20
/** As in kubeadm's manifest. */
const MEMORY_LIMIT = 170 * MIB
/** Every which reload is tried with a mistake first. */
const MISTAKE_EVERY = 10
/** Of the time under load, so much is left at its ends. */
const MARGIN_S = 3
const NAMES = ['web.shop.svc.cluster.local', 'db.shop.svc.cluster.local']

/** The configuration with number `n`, which says so. */
const numbered = (ports: Ports, n: number, more = '') =>
  clusterCorefile(ports, `hosts {\n192.0.2.${n % 250} number.test\nfallthrough\n}\n${more}`)

const numberOf = async ({ port }: Subject) => {
  const reply = replyText(await exchangeUdp(query('number.test'), port))
  return Number(/192\.0\.2\.(\d+)$/.exec(reply)?.[1])
}

async function reload(subject: Subject, corefile: string, says = RELOADED): Promise<void> {
  const from = subject.child.lines.length
  subject.writeCorefile(corefile)
  subject.child.signal('SIGUSR1')
  await subject.child.line(says, RELOAD_MS, from)
}

/** What a Corefile may have wrong, and what the log then says. Two of them are found only when ports are opened. */
function mistakes(busyPort: number): ((corefile: string) => { text: string; says: RegExp })[] {
  const there = `127.0.0.1:${busyPort}`
  return [
    text => ({
      text: text.replace('loadbalance', 'lodbalance'),
      says: /Corefile:14:5: unknown directive "lodbalance"/,
    }),
    text => ({ text: text.replace('errors', 'errors {'), says: /Corefile:\d+:\d+: / }),
    text => ({ text: `${text}.:${busyPort} {\nbind 127.0.0.1\nwhoami\n}\n`, says: /the port is in use/ }),
    text => ({ text: text.replace(/health 127\S+/, `health ${there}`), says: /cannot listen on http:.*in use/ }),
    text => ({ text: text.replace(/ready 127\S+/, `ready ${there}`), says: /cannot listen on http:.*in use/ }),
    text => ({
      text: text.replace(/prometheus 127\S+/, `prometheus ${there}`),
      says: /cannot listen on http:.*in use/,
    }),
  ]
}

/** Tries a mistake: the old configuration answers on, the failure is counted and told. */
async function tryMistake(subject: Subject, { text, says }: { text: string; says: RegExp }, n: number): Promise<void> {
  const failures = async () => (await subject.metrics()).sum('coredns_reload_failed_total') ?? 0
  const before = await failures()
  const from = subject.child.lines.length
  await reload(subject, text, FAILED)
  await subject.child.line(says, 1000, from)
  equal(await failures(), before + 1)
  equal(await numberOf(subject), n % 250)
}

/** Asks /ready and /health over and over until the result is called; gives all that they said but 200. */
function watchEndpoints(subject: Subject): () => Promise<number[]> {
  const others: number[] = []
  let isOver = false
  const watching = (async () => {
    for (; !isOver; await delay(50))
      for (const which of ['ready', 'health'] as const) {
        const status = await subject.status(which)
        if (status !== 200) others.push(status)
      }
  })()
  return async () => {
    isOver = true
    await watching
    return others
  }
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

/** Reloads `count` times within `seconds` of load. */
async function reloadUnderLoad(note: Note, count: number, seconds: number, more = ''): Promise<void> {
  const busy = createServer().listen(0, '127.0.0.1')
  await once(busy, 'listening')
  const wrong = mistakes((busy.address() as { port: number }).port)
  const subject = await Subject.start(ports => numbered(ports, 0, more))
  const endpoints = watchEndpoints(subject)
  const clients = ['tcp', 'tcp', 'udp'].map(
    over => new Asker({ port: subject.port, names: NAMES, everyMs: 20, over: over as 'udp' | 'tcp' }),
  )
  const load = askFor(subject, 20_000, seconds)
  await delay(500)
  const startedAtMs = performance.now()
  const rss: number[] = []
  let failed = 0
  for (let n = 1; n <= count; n++) {
    await delay(Math.max(0, startedAtMs + (n * (seconds - MARGIN_S) * 1000) / count - performance.now()))
    const corefile = numbered(subject.ports, n, more)
    if (n % MISTAKE_EVERY === 0) {
      await tryMistake(subject, wrong[failed++ % wrong.length]!(corefile), n - 1)
    }
    await reload(subject, corefile)
    rss.push(subject.rssBytes)
  }
  const tookS = (performance.now() - startedAtMs) / 1000
  equal(await numberOf(subject), count % 250)
  const run = await load
  const tallies = await Promise.all(clients.map(client => client.stop()))
  const quarter = Math.floor(count / 4)
  const [early, late] = [median(rss.slice(quarter, 2 * quarter)), median(rss.slice(-quarter))]
  note(`${count} reloads and ${failed} that failed in ${tookS.toFixed(1)} s, ${told(run)}`)
  note(`RSS ${(early / MIB).toFixed(0)} MiB in the second quarter, ${(late / MIB).toFixed(0)} MiB in the last`)
  note(`peak ${(subject.peakBytes / MIB).toFixed(0)} MiB`)
  equal(run.lost, 0)
  ok(tookS < seconds, 'the load was there all the time')
  deepEqual(
    tallies.map(({ lost, cut, rcodes }) => ({ lost, cut, rcodes: [...rcodes.keys()] })),
    clients.map(() => ({ lost: 0, cut: 0, rcodes: [0] })),
  )
  deepEqual(await endpoints(), [])
  ok(subject.peakBytes < MEMORY_LIMIT, 'the limit of the manifests is enough')
  ok(late < early * 1.1 + 4 * MIB, 'memory stays')
  equal(subject.child.lines.filter(line => /lameduck/.test(line)).length, 0)
  deepEqual(await subject.stop(), { code: 0, signal: null })
  busy.close()
}

const SECONDS = { all: isLong ? 120 : 12, threads: isLong ? 40 : 8 }

test(
  'reload: at 20,000 queries a second nothing is lost, what is invalid changes nothing, memory stays',
  note => reloadUnderLoad(note, isLong ? 1000 : 100, SECONDS.all),
  { timeoutMs: 300_000 },
)
test(
  'reload: the same with two threads',
  note => reloadUnderLoad(note, isLong ? 200 : 40, SECONDS.threads, 'multisocket 2'),
  { timeoutMs: 120_000 },
)
