/**
 * What a snapshot costs: its size, the time to write and to restore it, how long a query waits meanwhile, and memory.
 * Run with `--expose-gc`. Restored by a process of its own, as after a start: hashes are others there.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Index } from '../../plugins/kubernetes/index/index.ts'
import { KINDS, type SlimObject } from '../../plugins/kubernetes/object/object.ts'
import { readSnapshot } from '../../plugins/kubernetes/snapshot/read.ts'
import { sectionsOf } from '../../plugins/kubernetes/snapshot/section.ts'
import { writeSnapshot } from '../../plugins/kubernetes/snapshot/write.ts'
import { workSlices } from '../../server/work-slices.ts'

const SERVICES = 10_000
const ENDPOINTS_PER_SERVICE = 4
const PODS = 150_000
const NAMESPACES = 200
const ROUNDS = 3

const collect = (globalThis as { gc?: () => void }).gc ?? (() => {})
const address = (net: number, i: number) => `10.${net + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`
const namespaceOf = (i: number) => `team-${i % NAMESPACES}`
const picture = { server: 'https://10.96.0.1/', ca: '', labels: '', namespaceLabels: '', endpointPodNames: false }

function* objects(pods: number): Generator<SlimObject> {
  for (let i = 0; i < NAMESPACES; i++) yield { kind: 'namespace', name: namespaceOf(i) }
  for (let i = 0; i < SERVICES; i++) {
    const headless = i % 5 === 0
    const [namespace, ports] = [namespaceOf(i), [{ name: 'http', protocol: 'tcp', port: 80 }]]
    const clusterIPs = headless ? [] : [address(96, i)]
    yield { kind: 'service', namespace, name: `service-${i}`, clusterIPs, headless, externalName: undefined, ports }
    const endpoints = Array.from({ length: ENDPOINTS_PER_SERVICE }, (_, j) => ({
      addresses: [address(128, i * ENDPOINTS_PER_SERVICE + j)],
      hostname: '',
      podName: '',
    }))
    const [name, service] = [`service-${i}-abcde`, `service-${i}`]
    yield { kind: 'endpointslice', namespace, name, service, endpoints, ports, lastChangeTriggerMs: 0 }
  }
  for (let i = 0; i < pods; i++) {
    const name = `service-${i % SERVICES}-5d8f7c9b6d-${i.toString(36).padStart(5, '0')}`
    yield { kind: 'pod', namespace: namespaceOf(i), name, ips: [address(128, i)] }
  }
}

const [, , restoreFrom] = process.argv
if (restoreFrom !== undefined) await restore(restoreFrom)
else {
  const folder = mkdtempSync(join(tmpdir(), 'sextant-'))
  for (const pods of [0, PODS]) await write(join(folder, 'snapshot'), pods)
  rmSync(folder, { recursive: true })
}

async function write(file: string, pods: number): Promise<void> {
  const index = new Index()
  for (const object of objects(pods)) index.put(object.kind, object)
  for (const kind of KINDS) index.setSynced(kind, true)
  console.log(`${SERVICES} services, ${SERVICES * ENDPOINTS_PER_SERVICE} endpoints, ${pods} pods`)
  const [sections, signal] = [sectionsOf(index, KINDS), new AbortController().signal]
  for (let round = 0; round < ROUNDS; round++) {
    const header = { takenAtMs: Date.now(), picture }
    const took = await timed(() => writeSnapshot({ file, header, sections, slices: workSlices, signal }))
    console.log(`  written: ${mib(statSync(file).size)}, ${took}`)
  }
  const child = execFileSync(process.execPath, ['--expose-gc', import.meta.filename, file], { encoding: 'utf8' })
  process.stdout.write(child)
}

async function restore(file: string): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const [sections, signal] = [sectionsOf(new Index(), KINDS), new AbortController().signal]
    const took = await timed(() =>
      readSnapshot({ file, picture, sections, nowMs: Date.now(), slices: workSlices, signal }),
    )
    console.log(`  restored: ${took}`)
  }
}

/** Time by the clock and on the processor, the longest that the loop stood still, and the memory it took on top. */
async function timed(run: () => Promise<unknown>): Promise<string> {
  collect()
  const [startMs, cpu, rssBytes] = [performance.now(), process.cpuUsage().user, process.memoryUsage().rss]
  let [longestMs, lastMs, over] = [0, startMs, false]
  const turn = () => {
    longestMs = Math.max(longestMs, performance.now() - lastMs)
    lastMs = performance.now()
    if (!over) setImmediate(turn)
  }
  setImmediate(turn)
  await run()
  over = true
  const tookMs = performance.now() - startMs
  const cpuMs = (process.cpuUsage().user - cpu) / 1000
  const grownBytes = process.memoryUsage().rss - rssBytes
  return `${tookMs.toFixed(0)} ms (${cpuMs.toFixed(0)} ms of a core), turns of at most ${longestMs.toFixed(1)} ms, resident +${mib(grownBytes)}`
}

function mib(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`
}
