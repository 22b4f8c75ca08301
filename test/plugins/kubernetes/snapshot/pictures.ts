/** Snapshots of small clusters: written from an index, read into a fresh one. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Index } from '../../../../plugins/kubernetes/index/index.ts'
import { type Json, KINDS, type Kind } from '../../../../plugins/kubernetes/object/object.ts'
import type { Picture } from '../../../../plugins/kubernetes/snapshot/header.ts'
import { type Restored, readSnapshot } from '../../../../plugins/kubernetes/snapshot/read.ts'
import { sectionsOf } from '../../../../plugins/kubernetes/snapshot/section.ts'
import { writeSnapshot } from '../../../../plugins/kubernetes/snapshot/write.ts'
import { WorkSlices } from '../../../../server/work-slices.ts'
import { temporaryFolder } from '../../../harness/server.ts'
import { namespace, pod, putObject, service, slice } from '../cluster.ts'

export const PICTURE: Picture = {
  server: 'https://10.96.0.1/',
  ca: '0123',
  labels: '',
  namespaceLabels: '',
  endpointPodNames: false,
}
/** When the snapshots of tests are taken. */
export const TAKEN_AT_MS = Date.UTC(2026, 10, 27, 14)

let folder: ReturnType<typeof temporaryFolder> | undefined
let files = 0

/** A path in a folder that is gone when the test file has run. */
export function newFile(): string {
  folder ??= temporaryFolder()
  return join(folder.path, `snapshot-${files++}`)
}
process.on('exit', () => folder?.remove())

export const SMALL: readonly Json[] = [
  namespace('a'),
  service('s.a', ['10.0.0.1'], ['http:tcp:80']),
  slice('s-1.a', 's', ['10.1.0.1=web-0', 'fd00::1'], [':udp:53']),
  pod('p.a', '10.1.0.1'),
]

/** An index of these objects in which everything is synced. */
export function indexOf(objects: readonly Json[], kinds: readonly Kind[] = KINDS): Index {
  const index = new Index({ kinds })
  for (const object of objects) putObject(index, object)
  for (const kind of KINDS) index.setSynced(kind, true)
  return index
}

export async function write(index: Index, over: Partial<Parameters<typeof writeSnapshot>[0]> = {}): Promise<string> {
  const file = over.file ?? newFile()
  const slices = new WorkSlices(0) // pauses after each object
  const { signal } = new AbortController()
  const header = { takenAtMs: TAKEN_AT_MS, picture: PICTURE }
  await writeSnapshot({ sections: sectionsOf(index, KINDS), header, slices, signal, ...over, file })
  return file
}

export function read(
  file: string,
  index = new Index(),
  over: Partial<Parameters<typeof readSnapshot>[0]> = {},
): Promise<Restored | undefined> {
  const slices = new WorkSlices(0)
  const { signal } = new AbortController()
  const sections = sectionsOf(index, KINDS)
  return readSnapshot({ file, picture: PICTURE, sections, nowMs: TAKEN_AT_MS + 5000, slices, signal, ...over })
}

/** The octets of a snapshot. */
export async function octetsOf(index: Index): Promise<Buffer> {
  return readFileSync(await write(index))
}

/** How many objects of each kind are in it. */
export function countsOf(index: Index): Record<Kind, number> {
  let [services, namespaces] = [0, 0]
  const each = (table: Index['services']['table'], visit: (block: number) => void) => {
    for (const block of table.unlike(0, 0x80000000 | 0)) visit(block)
  }
  each(index.services.table, entry => {
    services += index.services.data(entry) === 0 ? 0 : 1
  })
  each(index.namespaces.table, entry => {
    namespaces += index.namespaces.exists(entry) ? 1 : 0
  })
  return {
    namespace: namespaces,
    service: services,
    endpointslice: index.slices.table.live,
    pod: index.pods.table.live,
  }
}
