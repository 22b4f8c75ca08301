import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { extract, type Header } from 'tar-stream'
import { test } from 'uvu'
import { type LayerFile, layerOf } from '../../k8s/image/layer.ts'
import { archiveOf, digestOf, type ImageConfig } from '../../k8s/image/oci.ts'

interface Entry {
  readonly header: Header
  readonly content: Buffer
}

async function read(tar: Buffer): Promise<Map<string, Entry>> {
  const found = new Map<string, Entry>()
  const reader = extract()
  reader.end(tar)
  for await (const entry of reader) found.set(entry.header.name, { header: entry.header, content: await buffer(entry) })
  return found
}

const files: LayerFile[] = [
  { path: 'usr/bin/node', content: Buffer.from('binary'), mode: 0o755, bindsLowPorts: true },
  { path: 'etc/passwd', content: Buffer.from('root:x:0:0') },
]
const config: ImageConfig = {
  Entrypoint: ['/usr/bin/node'],
  Env: [],
  User: '65532:65532',
  WorkingDir: '/',
  ExposedPorts: { '53/udp': {} },
  Labels: {},
}

test('a layer: folders before files, all of root, from 1970, and the right to bind port 53', async () => {
  const entries = await read(await layerOf(files))
  deepEqual([...entries.keys()], ['etc/', 'etc/passwd', 'usr/', 'usr/bin/', 'usr/bin/node'])
  for (const { header } of entries.values()) {
    equal(header.mtime?.getTime(), 0)
    deepEqual([header.uid, header.gid], [0, 0])
  }
  const { header, content } = entries.get('usr/bin/node')!
  equal(header.mode, 0o755)
  equal(`${content}`, 'binary')
  const capability = Buffer.from((header.pax as Record<string, string>)['SCHILY.xattr.security.capability']!, 'latin1')
  // What `setcap cap_net_bind_service=+ep` writes.
  equal(capability.toString('hex'), '0100000200040000000000000000000000000000')
})

test('the order that files come in changes nothing', async () => {
  ok((await layerOf(files)).equals(await layerOf(files.toReversed())))
})

for (const architectures of [['amd64'], ['amd64', 'arm64']]) {
  test(`an archive for ${architectures}: every digest and size is that of its blob`, async () => {
    const layer = await layerOf(files)
    const images = architectures.map(architecture => ({ architecture, layer, config }))
    const archive = await archiveOf('sextant:1.2.3', images)
    ok(archive.equals(await archiveOf('sextant:1.2.3', images)), 'the same octets each time')
    const entries = await read(archive)
    const json = (path: string) => JSON.parse(`${entries.get(path)!.content}`)
    const blob = ({ digest, size }: { digest: string; size: number }): Buffer => {
      const { content } = entries.get(`blobs/${digest.replace(':', '/')}`)!
      equal(digestOf(content), digest)
      equal(content.length, size)
      return content
    }
    equal(json('oci-layout').imageLayoutVersion, '1.0.0')
    const [top] = json('index.json').manifests
    equal(top.annotations['org.opencontainers.image.ref.name'], '1.2.3')
    const manifests = architectures.length === 1 ? [top] : JSON.parse(`${blob(top)}`).manifests
    deepEqual(
      manifests.map((each: { platform: { architecture: string } }) => each.platform.architecture),
      architectures,
    )
    for (const described of manifests) {
      const manifest = JSON.parse(`${blob(described)}`)
      const image = JSON.parse(`${blob(manifest.config)}`)
      const unpacked = gunzipSync(blob(manifest.layers[0]))
      deepEqual(image.rootfs.diff_ids, [digestOf(unpacked)])
      equal(image.config.User, '65532:65532')
      ok(unpacked.equals(layer))
    }
    deepEqual(json('manifest.json')[0].RepoTags, ['sextant:1.2.3'])
  })
}

test('another file is another image', async () => {
  const one = await archiveOf('a:1', [{ architecture: 'amd64', layer: await layerOf(files), config }])
  const other = await archiveOf('a:1', [{ architecture: 'amd64', layer: await layerOf(files.slice(1)), config }])
  notEqual(digestOf(one), digestOf(other))
})

test.run()
