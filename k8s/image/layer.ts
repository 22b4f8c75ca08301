/** The files of an image as one layer: a tar archive that depends on nothing but them. */
import { pack } from 'tar-stream'

export interface LayerFile {
  /** Absolute, without the slash in front. */
  readonly path: string
  readonly content: Buffer
  readonly mode?: number
  /** It may bind ports below 1024, whoever runs it. */
  readonly bindsLowPorts?: boolean
}

const EPOCH = new Date(0)
/**
 * struct vfs_cap_data, revision 2, effective: CAP_NET_BIND_SERVICE permitted, nothing inheritable (capabilities(7)). A user
 * without privileges gets it only where the container was given it.
 */
const NET_BIND_SERVICE = Buffer.alloc(20)
NET_BIND_SERVICE.writeUInt32LE(0x0200_0001, 0)
NET_BIND_SERVICE.writeUInt32LE(1 << 10, 4)

/** Folders come before what is in them; everything belongs to root and is from 1970. */
export async function layerOf(files: readonly LayerFile[]): Promise<Buffer> {
  const tar = pack()
  const folders = new Set<string>()
  for (const { path } of files) {
    const parts = path.split('/')
    for (let i = 1; i < parts.length; i++) folders.add(parts.slice(0, i).join('/'))
  }
  const entries = [...[...folders].map(path => ({ path, content: undefined })), ...files]
  for (const entry of entries.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    if (entry.content === undefined) {
      tar.entry({ name: `${entry.path}/`, type: 'directory', mode: 0o755, mtime: EPOCH, uid: 0, gid: 0 })
      continue
    }
    const { path, content, mode = 0o644, bindsLowPorts = false } = entry as LayerFile
    const pax = bindsLowPorts
      ? { pax: { 'SCHILY.xattr.security.capability': NET_BIND_SERVICE.toString('latin1') } }
      : {}
    tar.entry({ name: path, mode, mtime: EPOCH, uid: 0, gid: 0, size: content.length, ...pax }, content)
  }
  tar.finalize()
  const parts: Buffer[] = []
  for await (const part of tar) parts.push(part as Buffer)
  return Buffer.concat(parts)
}
