/**
 * Takes a picture of the index: object by object, between queries, straight into a file. The index may change meanwhile:
 * each object is as it was at some moment, and what was there all the time is in the picture. No place in the index is
 * remembered across a pause, only hashes are.
 */
import { createHash, type Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import type { WorkSlices } from '../../../server/work-slices.ts'
import type { Table } from '../index/table.ts'
import { replaceFile } from './atomic-file.ts'
import { CODECS } from './codec.ts'
import { type Header, writeHeader } from './header.ts'
import { OctetWriter } from './octets.ts'
import type { Section } from './section.ts'

const CHUNK_BYTES = 1 << 16
/** No cluster comes near; what is larger is not read back. */
export const MAX_FILE_BYTES = 1 << 28

export interface WriteOptions {
  readonly file: string
  readonly header: Omit<Header, 'sections'>
  readonly sections: readonly Section[]
  readonly slices: WorkSlices
  /** Gives up. */
  readonly signal: AbortSignal
}

/**
 * Writes the file anew.
 * @returns its octets
 * @throws what the file system throws; the file is then as it was
 */
export async function writeSnapshot(options: WriteOptions): Promise<number> {
  let bytes = 0
  await replaceFile(options.file, async handle => {
    bytes = await new SnapshotWriter(handle, options).write()
  })
  return bytes
}

class SnapshotWriter {
  readonly #handle: FileHandle
  readonly #options: WriteOptions
  readonly #hash: Hash = createHash('sha256')
  readonly #out = new OctetWriter()
  readonly #record = new OctetWriter()
  #written = 0

  constructor(handle: FileHandle, options: WriteOptions) {
    this.#handle = handle
    this.#options = options
  }

  async write(): Promise<number> {
    const { header, sections } = this.#options
    const lines = writeHeader({ ...header, sections: sections.map(({ name }) => name) })
    this.#out.copy(lines, 0, lines.length)
    for (const section of sections) await this.#section(section)
    this.#out.octet(0)
    await this.#flush()
    await this.#handle.writeFile(this.#hash.digest())
    return this.#written + 32
  }

  async #section({ name, kind, index }: Section): Promise<void> {
    const { slices } = this.#options
    const codec = CODECS[kind]
    const table = codec.table(index)
    const out = this.#out
    const record = this.#record
    out.text(name)
    let count = 0
    for (const hash of hashesOf(table)) {
      for (let slot = table.first(hash); slot !== 0; slot = table.next(slot, hash)) {
        const block = table.block(slot)
        if (!codec.exists(index, block)) continue
        record.length = 0
        codec.write(index, block, record)
        out.record(record)
        count++
      }
      if (out.length >= CHUNK_BYTES) await this.#flush()
      if (slices.spent) await slices.pause()
    }
    out.number(0)
    out.number(count)
  }

  async #flush(): Promise<void> {
    this.#options.signal.throwIfAborted()
    const chunk = this.#out.bytes.subarray(0, this.#out.length)
    this.#written += chunk.length
    if (this.#written > MAX_FILE_BYTES)
      throw new Error(`a snapshot of more than ${MAX_FILE_BYTES} octets, expected no more than can be read back`)
    this.#hash.update(chunk)
    await this.#handle.writeFile(chunk)
    this.#out.length = 0
  }
}

function* hashesOf(table: Table): Generator<number> {
  for (const hashes of table.hashes()) yield* hashes
}
