/**
 * The control groups of the lab's pods: the one thing of it that no namespace takes away. All are below one folder of each
 * hierarchy (v1), or of the one there is (v2).
 */
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { delay } from '../harness/time.ts'

const MOUNT = '/sys/fs/cgroup'
const NAME = 'sextant-lab'
const IS_V2 = existsSync(join(MOUNT, 'cgroup.controllers'))

/** Of one container; octets. Its pod has the same limit, has its sandbox too, and so comes to it first. */
export interface Memory {
  limit: number
  /** The most that the pod had at a time. */
  peak: number
  /** The most that the container itself had at a time. */
  ownPeak: number
  /** How often the kernel had to take pages back because the container or its pod had reached the limit. */
  timesAtLimit: number
  /** Processes that were killed for it. */
  oomKills: number
}

/** As kubelet wants it: from the root of the hierarchies. */
export function cgroupOf(node: string): string {
  return `/${NAME}/${node}`
}

/** Why none can be made here, if so: in many containers they may only be read, or are those of the processes in it already. */
export function cgroupsObstacle(): string | undefined {
  if (roots().length === 0) return 'there are none'
  try {
    for (const root of roots()) {
      handDown(root)
      rmdirSync(mkdtempSync(join(root, `${NAME}-check-`)))
    }
  } catch (error) {
    return (error as Error).message
  }
}

/** @throws Error if there are some in use: of a lab in another network namespace, which no socket of this one tells of */
export function createCgroups(nodes: readonly string[]): void {
  if (roots().some(isInUse))
    throw new Error(`control groups named ${NAME} are in use: a lab of another network namespace is up`)
  for (const root of roots()) {
    for (const node of nodes) {
      mkdirSync(join(root, NAME, node), { recursive: true })
      // Version 2: a child has the controllers that its parent hands down.
      for (const dir of [root, join(root, NAME), join(root, NAME, node)]) handDown(dir)
    }
  }
}

/** Waits until the processes in them are gone, 10 s at most. False: some are left. */
export async function removeCgroups(): Promise<boolean> {
  for (let tries = 0; tries < 100; tries++) {
    const left = roots()
      .map(root => join(root, NAME))
      .filter(dir => !removed(dir))
    if (left.length === 0) return true
    await delay(100)
  }
  return false
}

/** The folders of the containers that there are, as paths of files of their memory begin. */
export function containers(): string[] {
  const root = join(MOUNT, IS_V2 ? '' : 'memory', NAME)
  return globSync('*/kubepods/{,*/}pod*/*/cgroup.procs', { cwd: root }).map(file => join(root, file, '..'))
}

/** Ids of the processes of a container, as the lab counts. @throws Error if it is gone */
export function processesOf(container: string): number[] {
  return readFileSync(join(container, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
}

/** @throws Error if the container is gone */
export function memoryOf(container: string): Memory {
  const pod = join(container, '..')
  const read = (file: string, dir = container): string => readFileSync(join(dir, file), 'utf8')
  const word = (text: string, key: string): number => Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(text)![1])
  if (IS_V2) {
    return {
      limit: Number(read('memory.max')),
      peak: Number(read('memory.peak', pod)),
      ownPeak: Number(read('memory.peak')),
      // Those of a pod are of what is in it, too.
      timesAtLimit: word(read('memory.events', pod), 'max'),
      oomKills: word(read('memory.events'), 'oom_kill'),
    }
  }
  return {
    limit: Number(read('memory.limit_in_bytes')),
    peak: Number(read('memory.max_usage_in_bytes', pod)),
    ownPeak: Number(read('memory.max_usage_in_bytes')),
    timesAtLimit: Number(read('memory.failcnt')) + Number(read('memory.failcnt', pod)),
    oomKills: word(read('memory.oom_control'), 'oom_kill'),
  }
}

/** That a process is in a group below. */
function isInUse(root: string): boolean {
  const files = globSync(`${NAME}/**/cgroup.procs`, { cwd: root })
  return files.some(file => readFileSync(join(root, file), 'utf8') !== '')
}

function roots(): string[] {
  if (IS_V2) return [MOUNT]
  if (!existsSync(MOUNT)) return []
  return readdirSync(MOUNT, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => join(MOUNT, entry.name))
}

function handDown(dir: string): void {
  const file = join(dir, 'cgroup.controllers')
  if (!existsSync(file)) return
  const controllers = readFileSync(file, 'utf8').split(/\s+/).filter(Boolean)
  writeFileSync(join(dir, 'cgroup.subtree_control'), controllers.map(name => `+${name}`).join(' '))
}

function removed(dir: string): boolean {
  if (!existsSync(dir)) return true
  try {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      if (entry.isDirectory() && !removed(join(dir, entry.name))) return false
    }
    rmdirSync(dir)
    return true
  } catch {
    return false
  }
}
