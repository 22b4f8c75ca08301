/**
 * Out of Debian packages, whose version and hash stand in packages.json: the shared libraries that Node's binary is linked to,
 * and the programs of the node-local role, nft and ip, with theirs.
 * apt fetches them, for any architecture, in a state of its own: nothing is installed.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, lstatSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { LayerFile } from './layer.ts'

export type Architecture = 'amd64' | 'arm64'

interface Pinned {
  readonly name: string
  readonly version: string
  /** Shared libraries wanted of it, by their base names. */
  readonly files?: readonly string[]
  /** Programs wanted of it; /usr/sbin has them, wherever the package does. */
  readonly programs?: readonly string[]
  readonly sha256: Readonly<Record<Architecture, string>>
}

const call = promisify(execFile)
const packages = JSON.parse(readFileSync(join(import.meta.dirname, 'packages.json'), 'utf8')) as readonly Pinned[]
/** Where the loader is expected, by the ABI. */
const LOADERS = { amd64: 'lib64/ld-linux-x86-64.so.2', arm64: 'lib/ld-linux-aarch64.so.1' } as const
const TRIPLETS = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' } as const

/** @param cache a folder that keeps what was fetched */
export async function debianFiles(architecture: Architecture, cache: string): Promise<LayerFile[]> {
  const folder = join(cache, architecture)
  mkdirSync(folder, { recursive: true })
  await fetchMissing(architecture, folder)
  const loader = basename(LOADERS[architecture])
  const found: LayerFile[] = []
  for (const pinned of packages) {
    const file = packageFile(pinned, architecture, folder)!
    const { sha256 } = pinned
    const hash = createHash('sha256').update(readFileSync(file)).digest('hex')
    if (hash !== sha256[architecture]) {
      throw new Error(`${file}: found sha256 ${hash}, expected ${sha256[architecture]} (k8s/image/packages.json)`)
    }
    const root = join(folder, pinned.name)
    await call('dpkg-deb', ['--extract', file, root])
    const take = (pattern: string, to: string) => {
      const [path] = globSync(pattern, { cwd: root })
      if (path === undefined) throw new Error(`${basename(file)} has no file ${basename(to)}`)
      found.push({ path: to, content: readFileSync(followed(root, path)), mode: 0o755 })
    }
    for (const name of pinned.files ?? []) take(`**/${name}`, `lib/${TRIPLETS[architecture]}/${name}`)
    for (const name of pinned.programs ?? []) take(`{bin,sbin,usr/bin,usr/sbin}/${name}`, `usr/sbin/${name}`)
    if (pinned.name === 'libc6') take(`**/${loader}`, LOADERS[architecture])
    const [copyright] = globSync(`usr/share/doc/${pinned.name}/copyright`, { cwd: root })
    if (copyright) found.push({ path: copyright, content: readFileSync(join(root, copyright)) })
  }
  return found
}

/** Where links lead to within the folder: that of a package may say `/bin/ip`, which here is this machine's. */
export function followed(root: string, path: string): string {
  let here = path
  while (lstatSync(join(root, here)).isSymbolicLink())
    here = resolve('/', dirname(here), readlinkSync(join(root, here))).slice(1)
  return join(root, here)
}

function packageFile({ name, version }: Pinned, architecture: Architecture, folder: string): string | undefined {
  // A colon of an epoch is written %3a.
  const file = join(folder, `${name}_${version.replace(':', '%3a')}_${architecture}.deb`)
  return existsSync(file) ? file : undefined
}

async function fetchMissing(architecture: Architecture, folder: string): Promise<void> {
  const missing = packages.filter(pinned => packageFile(pinned, architecture, folder) === undefined)
  if (missing.length === 0) return
  const state = join(folder, 'apt')
  for (const part of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(state, part), { recursive: true })
  writeFileSync(join(state, 'status'), '')
  const options = [
    `Dir::State=${state}`,
    `Dir::State::lists=${state}/lists`,
    `Dir::State::status=${state}/status`,
    `Dir::Cache=${state}/cache`,
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    'APT::Sandbox::User=root',
  ].flatMap(option => ['-o', option])
  await call('apt-get', ['-qq', ...options, 'update'], { cwd: folder })
  for (const { name, version } of missing) {
    try {
      await call('apt-get', ['-qq', ...options, 'download', `${name}=${version}`], { cwd: folder })
    } catch (cause) {
      const { stdout } = await call('apt-cache', [...options, 'policy', name], { cwd: folder })
      const offered = /Candidate: (\S+)/.exec(stdout)?.[1] ?? 'none'
      throw new Error(
        `Debian package ${name} for ${architecture}: found version ${offered}, expected ${version}. ` +
          'Where it was replaced, write the new version and hash into k8s/image/packages.json',
        { cause },
      )
    }
  }
}
