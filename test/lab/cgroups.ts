/**
 * The control groups of the lab's pods: the one thing of it that no namespace takes away. All are below one folder of each
 * hierarchy (v1), or of the one there is (v2).
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { delay } from '../harness/time.ts'

const MOUNT = '/sys/fs/cgroup'
const NAME = 'sextant-lab'

/** As kubelet wants it: from the root of the hierarchies. */
export function cgroupOf(node: string): string {
  return `/${NAME}/${node}`
}

export function createCgroups(nodes: readonly string[]): void {
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

function roots(): string[] {
  if (existsSync(join(MOUNT, 'cgroup.controllers'))) return [MOUNT]
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
