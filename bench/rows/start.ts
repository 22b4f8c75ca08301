/**
 * From exec to the first right answer: 1,000 services and their slices from one file as kubectl writes it, from a file
 * for each object, and from an API server. Beside it, what a bare Node takes to begin and to end.
 */
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decode, encode, type Packet } from 'dns-packet'
import { clusterCorefile } from '../cluster/corefile.ts'
import { manifestList, manifests } from '../cluster/manifests.ts'
import { services } from '../cluster/objects.ts'
import { freePorts } from '../ports.ts'
import { type Corefile, ROOT, type Sides } from '../sides.ts'
import { median, type Row } from '../table.ts'

const SIZE = { namespaces: 20, services: 1_000, endpoints: 2 }
const STARTS = 9
const ASK_EVERY_MS = 2
const GIVE_UP_MS = 30_000
const UNIT = 'ms to the first answer'

type Command = readonly [command: string, corefile: Corefile]

/** Medians of so many starts each, all of them in turns. */
export async function measureStart(sides: Sides): Promise<Row[]> {
  const objects = manifests(SIZE)
  const list = manifestList(objects)
  const [asList, asFiles] = [join(sides.folder, 'list'), join(sides.folder, 'files')]
  for (const folder of [asList, asFiles]) mkdirSync(folder)
  writeFileSync(join(asList, 'all.yaml'), list)
  for (const [i, object] of objects.entries()) writeFileSync(join(asFiles, `${i}.yaml`), object)
  const { source } = await sides.replay(SIZE)
  const own = join(ROOT, 'bin/sextant')
  const megabytes = (list.length / 1e6).toFixed(1)
  const cases: { work: string; ours: Command; peer?: Command }[] = [
    { work: `start, manifests in one file of ${megabytes} MB`, ours: [own, clusterCorefile(`manifests ${asList}`)] },
    { work: `start, ${objects.length} manifests`, ours: [own, clusterCorefile(`manifests ${asFiles}`)] },
    { work: 'start, API server', ours: [own, clusterCorefile(source)], peer: ['coredns', clusterCorefile(source)] },
  ]
  const bareMs: number[] = []
  const ms = cases.map(() => ({ ours: [] as number[], peer: [] as number[] }))
  for (let i = 0; i < STARTS; i++) {
    bareMs.push(await bareNodeMs())
    for (const [at, { ours, peer }] of cases.entries()) {
      ms[at]!.ours.push(await firstAnswerMs(sides, ours))
      if (peer && sides.has(peer[0])) ms[at]!.peer.push(await firstAnswerMs(sides, peer))
    }
  }
  return [
    { work: 'node -e 0', unit: 'ms', better: 'lower', figures: [median(bareMs), Number.NaN] },
    ...cases.map(
      ({ work }, at): Row => ({
        work,
        unit: UNIT,
        better: 'lower',
        figures: [median(ms[at]!.ours), median(ms[at]!.peer)],
      }),
    ),
  ]
}

async function bareNodeMs(): Promise<number> {
  const startMs = performance.now()
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit')
  return performance.now() - startMs
}

/** Starts a server, and asks for the last of the services all the while. */
async function firstAnswerMs(sides: Sides, [command, corefile]: Command): Promise<number> {
  const [dns, health, ready, metrics] = await freePorts(4)
  const file = join(sides.folder, `Corefile.${dns}`)
  writeFileSync(file, corefile({ dns: dns!, health: health!, ready: ready!, metrics: metrics! }))
  const wanted = services(SIZE).findLast(({ clusterIP }) => clusterIP !== undefined)!
  const name = `${wanted.name}.${wanted.namespace}.svc.cluster.local`
  const socket = createSocket('udp4')
  await new Promise<void>(resolve => socket.connect(dns!, '127.0.0.1', resolve))
  const startMs = performance.now()
  const child = sides.spawn(command, ['-conf', file, '-quiet'])
  child.stdout!.resume()
  try {
    await answered(socket, name, wanted.clusterIP!)
    return performance.now() - startMs
  } finally {
    socket.close()
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

function answered(socket: ReturnType<typeof createSocket>, name: string, address: string): Promise<void> {
  const questions = [{ name, type: 'A', class: 'IN' }]
  const message = encode({ type: 'query', id: 1, flags: 0x100, questions } as unknown as Packet)
  return new Promise((resolve, reject) => {
    const settle = (outcome: () => void) => {
      clearInterval(asking)
      clearTimeout(limit)
      outcome()
    }
    const asking = setInterval(() => socket.send(message), ASK_EVERY_MS)
    const limit = setTimeout(() => settle(() => reject(new Error(`no answer for ${name}`))), GIVE_UP_MS)
    socket.on('error', () => {}) // nobody listens yet
    socket.on('message', octets => {
      const { answers = [] } = decode(octets)
      if (answers.some(answer => 'data' in answer && answer.data === address)) settle(resolve)
    })
  })
}
