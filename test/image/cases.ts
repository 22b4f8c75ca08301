/** What is in the archives, and that a server of each answers. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findCommand } from '../harness/commands.ts'
import { query, replyText } from '../harness/message.ts'
import { Child, must } from '../harness/process.ts'
import { exchangeTcp, exchangeUdp } from '../harness/server.ts'
import { type Note, test } from '../harness/suite.ts'
import { eventually } from '../harness/time.ts'
import { ARCHITECTURES, type Architecture, archiveOf } from './archives.ts'

const MOST_BYTES = 70e6
const MOST_UNPACKED_BYTES = 170e6
const PORT = 53
const OWN: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
const EMULATORS = { amd64: 'qemu-x86_64-static', arm64: 'qemu-aarch64-static' } as const
const ANSWERED_MS = 60_000 // emulated, it takes some three seconds
const COREFILE = `.:${PORT} {
    bind 127.0.0.1
    hosts {
        192.0.2.7 image.example
    }
    prometheus 127.0.0.1:9153
    errors
}
`

const ELF = 0x464c457f
/** Of an ELF file, by its number for the processor. */
const MACHINES = { amd64: 62, arm64: 183 } as const

interface Descriptor {
  readonly digest: string
}

interface Unpacked {
  /** What a container has as its root. */
  readonly root: string
  readonly config: { readonly Entrypoint: readonly string[]; readonly Env: readonly string[]; readonly User: string }
  readonly layerBytes: number
}

/** As a container runtime does it: by index, manifest, and the one layer. */
async function unpacked(architecture: Architecture, folder: string): Promise<Unpacked> {
  const layout = join(folder, 'layout')
  const root = join(folder, 'root')
  for (const dir of [layout, root]) mkdirSync(dir)
  await must('tar', ['-xf', archiveOf(architecture, 1), '-C', layout])
  const blob = ({ digest }: Descriptor) => join(layout, 'blobs', digest.replace(':', '/'))
  const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'))
  const { manifests } = json(join(layout, 'index.json'))
  const { config, layers } = json(blob(manifests[0]))
  const described = json(blob(config))
  equal(described.architecture, architecture)
  equal(layers.length, 1)
  await must('tar', ['-xzf', blob(layers[0]), '-C', root, '--no-same-owner'])
  const layerBytes = Number((await must('sh', ['-c', `gzip -dc ${blob(layers[0])} | wc -c`])).trim())
  return { root, config: described.config, layerBytes }
}

async function answers(architecture: Architecture, note: Note): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sextant-image-'))
  try {
    const { root, config } = await unpacked(architecture, folder)
    const emulator = architecture === OWN ? [] : ['/emulator']
    if (architecture !== OWN) await must('cp', [findCommand(EMULATORS[architecture])!, join(root, 'emulator')])
    mkdirSync(join(root, 'etc/coredns'), { recursive: true })
    writeFileSync(join(root, 'etc/coredns/Corefile'), COREFILE)
    writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n') // as every runtime does
    const environment = ['-i', ...config.Env]
    const start = performance.now()
    const chroot = [findCommand('chroot')!, root, ...emulator]
    // With all that they are linked to.
    match(await must('env', ['-i', ...chroot, '/usr/sbin/ip', '-V']), /iproute2/)
    // No emulator knows its sockets.
    if (architecture === OWN) match(await must('env', ['-i', ...chroot, '/usr/sbin/nft', '--version']), /nftables/)
    const command = [...chroot, ...config.Entrypoint, '-conf', '/etc/coredns/Corefile']
    const server = new Child('image', 'env', [...environment, ...command])
    try {
      // TCP first: its refusal is told at once.
      for (const exchange of [exchangeTcp, exchangeUdp]) {
        await eventually(ANSWERED_MS, 'an answer', async () => {
          if (server.exit) throw new Error(`it ended: ${JSON.stringify(server.exit)}\n${server.tail()}`)
          const reply = replyText(await exchange(query('image.example.', { type: 'A' }), PORT))
          match(reply, /image\.example\. 3600 IN A 192\.0\.2\.7/)
        })
      }
      note(`answers after ${((performance.now() - start) / 1000).toFixed(1)} s`)
      match(server.lines.join('\n'), architecture === 'arm64' ? /linux\/arm64/ : /linux\/(amd64|x64)/)
      deepEqual(
        server.lines.filter(line => /WARN|ERROR/.test(line)),
        [],
      )
      equal((await server.stop('SIGTERM', ANSWERED_MS)).code, 0)
    } finally {
      await server.stop('SIGKILL')
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

for (const architecture of ARCHITECTURES) {
  test(`${architecture}: at most 70 MB compressed and 170 MB unpacked, for nobody, without a shell`, async note => {
    const folder = mkdtempSync(join(tmpdir(), 'sextant-image-'))
    try {
      const { size } = statSync(archiveOf(architecture, 1))
      const { root, config, layerBytes } = await unpacked(architecture, folder)
      note(`${(size / 1e6).toFixed(1)} MB, unpacked ${(layerBytes / 1e6).toFixed(1)} MB`)
      ok(size <= MOST_BYTES, `${size} octets`)
      ok(layerBytes <= MOST_UNPACKED_BYTES, `${layerBytes} octets`)
      equal(config.User, '65532:65532')
      for (const shell of ['bin/sh', 'usr/bin/sh', 'bin/bash', 'bin/busybox']) {
        equal(existsSync(join(root, shell)), false, shell)
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test(`${architecture}: every program and library is made for it`, async note => {
    const folder = mkdtempSync(join(tmpdir(), 'sextant-image-'))
    try {
      const { root } = await unpacked(architecture, folder)
      const files = globSync('**', { cwd: root, withFileTypes: true }).filter(entry => entry.isFile())
      const found = files
        .map(({ parentPath, name }) => ({ name, content: readFileSync(join(parentPath, name)) }))
        .filter(({ content }) => content.length > 20 && content.readUInt32LE(0) === ELF)
      for (const { name, content } of found) equal(content.readUInt16LE(18), MACHINES[architecture], name)
      ok(['node', 'nft', 'ip', 'libc.so.6'].every(wanted => found.some(({ name }) => name === wanted)))
      note(`${found.length} files`)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test(`${architecture}: made twice, the same octets`, () => {
    ok(readFileSync(archiveOf(architecture, 1)).equals(readFileSync(archiveOf(architecture, 2))))
  })

  const isForeign = architecture !== OWN && findCommand(EMULATORS[architecture]) === undefined
  test(
    `${architecture}: the server answers over UDP and TCP, and leaves with code 0; ip runs`,
    note => answers(architecture, note),
    {
      timeoutMs: 3 * ANSWERED_MS,
      skip: isForeign ? `${EMULATORS[architecture]} was not found (Debian package qemu-user-static)` : '',
    },
  )
}
