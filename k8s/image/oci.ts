/**
 * Images as one archive that every tool takes: an OCI layout (image-spec 1.1, an index of one manifest per architecture) with
 * the manifest.json that `docker load` of old looks for.
 */
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { type LayerFile, layerOf } from './layer.ts'

export interface ImageConfig {
  readonly Entrypoint: readonly string[]
  readonly Cmd?: readonly string[]
  readonly Env: readonly string[]
  readonly User: string
  readonly WorkingDir: string
  readonly ExposedPorts: Readonly<Record<string, object>>
  readonly Labels: Readonly<Record<string, string>>
}

export interface Image {
  readonly architecture: string
  readonly layer: Buffer
  readonly config: ImageConfig
}

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

const CREATED = '1970-01-01T00:00:00Z'
const TYPE = 'application/vnd.oci.image'

export function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

/** @param name with its tag, such as `sextant:0.1.0` */
export async function archiveOf(name: string, images: readonly Image[]): Promise<Buffer> {
  const blobs = new Map<string, Buffer>()
  const add = (mediaType: string, content: Buffer): Descriptor => {
    const digest = digestOf(content)
    blobs.set(`blobs/${digest.replace(':', '/')}`, content)
    return { mediaType, digest, size: content.length }
  }
  const legacy: object[] = []
  const manifests = images.map(({ architecture, layer, config }) => {
    const layers = [add(`${TYPE}.layer.v1.tar+gzip`, gzipSync(layer, { level: 9 }))]
    const described = add(
      `${TYPE}.config.v1+json`,
      json({
        architecture,
        os: 'linux',
        created: CREATED,
        config,
        rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
        history: [{ created: CREATED, created_by: 'npm run image' }],
      }),
    )
    const blobOf = ({ digest }: Descriptor) => `blobs/${digest.replace(':', '/')}`
    legacy.push({ Config: blobOf(described), RepoTags: [name], Layers: layers.map(blobOf) })
    const manifest = json({ schemaVersion: 2, mediaType: `${TYPE}.manifest.v1+json`, config: described, layers })
    return { ...add(`${TYPE}.manifest.v1+json`, manifest), platform: { os: 'linux', architecture } }
  })
  const tag = name.slice(name.lastIndexOf(':') + 1)
  const annotations = {
    'io.containerd.image.name': `docker.io/library/${name}`,
    'org.opencontainers.image.ref.name': tag,
  }
  const index = json({ schemaVersion: 2, mediaType: `${TYPE}.index.v1+json`, manifests })
  // One image stands in the index itself; of several, an index of them does.
  const top =
    manifests.length === 1 ? { ...manifests[0], annotations } : { ...add(`${TYPE}.index.v1+json`, index), annotations }
  const files: LayerFile[] = [
    { path: 'oci-layout', content: json({ imageLayoutVersion: '1.0.0' }) },
    { path: 'index.json', content: json({ schemaVersion: 2, mediaType: `${TYPE}.index.v1+json`, manifests: [top] }) },
    { path: 'manifest.json', content: json(legacy.slice(0, 1)) },
    ...[...blobs].map(([path, content]) => ({ path, content })),
  ]
  return layerOf(files)
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
