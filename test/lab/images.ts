/**
 * The images of the lab's own pods, made on the spot of what the machine has, by the layer writer of `npm run image`: one
 * whose programs ask musl, one whose programs ask glibc. Both have a static BusyBox for everything else.
 */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type LayerFile, layerOf } from '../../k8s/image/layer.ts'
import { archiveOf, type ImageConfig } from '../../k8s/image/oci.ts'
import { must, run } from '../harness/process.ts'
import { IMAGES, ROOT, STATE } from './place.ts'

export const MUSL = 'lab-musl:1'
export const GLIBC = 'lab-glibc:1'
/** Made where a binary is on PATH. */
export const COREDNS = 'lab-coredns:1'
/** The image of every pod's sandbox: any whose command sleeps. */
export const PAUSE = MUSL

/** Compressing takes most of it. */
const BUILD_MS = 300_000
const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'amd64'
/** Process 1 has no handler of its own for SIGTERM. */
const SLEEP = ['/bin/busybox', 'sh', '-c', 'trap exit TERM; while :; do sleep 3600 & wait $!; done']
const CGI = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\n"
/** Tells from which address it was asked. */
export const PEER_PAGE = `${CGI}echo "$REMOTE_ADDR"\n`
/** Tells which pod was asked. */
const NAME_PAGE = `${CGI}hostname\n`

export async function makeImages(busybox: string): Promise<void> {
  mkdirSync(IMAGES, { recursive: true })
  await serverImage()
  await corednsImage()
  const shell = readFileSync(busybox)
  const base: LayerFile[] = [
    { path: 'bin/busybox', content: shell, mode: 0o755 },
    { path: 'bin/sh', content: shell, mode: 0o755 },
    { path: 'www/cgi-bin/peer', content: Buffer.from(PEER_PAGE), mode: 0o755 },
    { path: 'www/cgi-bin/name', content: Buffer.from(NAME_PAGE), mode: 0o755 },
    { path: 'etc/passwd', content: Buffer.from('root:x:0:0:root:/:/bin/sh\n') },
    { path: 'etc/group', content: Buffer.from('root:x:0:\n') },
  ]
  await writeImage(MUSL, [...base, ...(await compiled('musl-gcc', '-static'))])
  const own = await compiled('cc', '-no-pie')
  const programs = await Promise.all(['dig', 'nslookup', 'getent'].map(which))
  const nsswitch = { path: 'etc/nsswitch.conf', content: Buffer.from('hosts: files dns\n') }
  await writeImage(GLIBC, [
    ...base,
    ...own,
    ...programs.map(path => program(`bin/${basename(path)}`, path)),
    nsswitch,
    ...(await libraries(programs)),
  ])
}

/** CoreDNS as its own image has it: one binary that may bind port 53, run by nobody. */
async function corednsImage(): Promise<void> {
  const { code, stdout } = await run('sh', ['-c', 'command -v coredns'])
  if (code !== 0) return
  const binary = { ...program('coredns', stdout.trim()), bindsLowPorts: true }
  await writeImage(COREDNS, [binary, ...(await libraries([stdout.trim()]))], {
    Entrypoint: ['/coredns'],
    User: '65532:65532',
  })
}

/** The programs of images/, by this compiler. */
async function compiled(compiler: string, link: string): Promise<LayerFile[]> {
  const files: LayerFile[] = []
  for (const name of ['resolve', 'fetch', 'load']) {
    const out = join(STATE, `${name}-${compiler}`)
    await must(compiler, [link, '-pthread', '-O1', '-o', out, join(import.meta.dirname, `images/${name}.c`)])
    files.push(program(`bin/${name}`, out))
  }
  return files
}

/** The image of `npm run image`: that of dist/ as it is. */
async function serverImage(): Promise<void> {
  const server = join(ROOT, 'dist/sextant.cjs')
  const made = join(ROOT, `dist/image-${ARCHITECTURE}.tar`)
  if (!existsSync(made) || statSync(made).mtimeMs < statSync(server).mtimeMs) {
    const { code, stderr } = await run(process.execPath, [join(ROOT, 'k8s/image/build.ts')], process.env, BUILD_MS)
    if (code !== 0) throw new Error(`k8s/image/build.ts ended with ${code}\n${stderr}`)
  }
  writeFileSync(join(IMAGES, 'sextant.tar'), readFileSync(made))
}

async function writeImage(name: string, files: readonly LayerFile[], of: Partial<ImageConfig> = {}): Promise<void> {
  const sleeping = { Entrypoint: SLEEP, Env: ['PATH=/bin'], User: '0:0', WorkingDir: '/', ExposedPorts: {}, Labels: {} }
  const config: ImageConfig = { ...sleeping, ...of }
  const archive = await archiveOf(name, [{ architecture: ARCHITECTURE, layer: await layerOf(files), config }])
  writeFileSync(archivePath(name), archive)
}

/** Where the archive of an image is, from which nodes import it. */
export function archivePath(name: string): string {
  return join(IMAGES, `${name.replace(':', '-')}.tar`)
}

function program(path: string, file: string): LayerFile {
  return { path, content: readFileSync(file), mode: 0o755 }
}

/** What the loader says that these programs are linked to, where it finds it, and the loader itself. */
async function libraries(programs: readonly string[]): Promise<LayerFile[]> {
  const paths = new Set<string>()
  for (const file of programs) {
    // Of a static program it says so, with a code.
    const { stdout } = await run('ldd', [file])
    for (const [path] of stdout.matchAll(/\/\S+\.so\S*/g)) paths.add(path)
  }
  return [...paths].map(path => program(path.slice(1), path))
}

async function which(command: string): Promise<string> {
  return (await must('sh', ['-c', `command -v ${command}`])).trim()
}
