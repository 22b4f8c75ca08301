/**
 * An ELF file without what the loader does not read (symbols, names of sections): the same octets on every machine, for every
 * processor, and without its compiler's tools. 64-bit little-endian, as all that Node's binaries are made for.
 */
const MAGIC = 0x464c457f
const CLASS_64 = 2
const LITTLE_ENDIAN = 1
const HEADER = { programAt: 0x20, sectionsAt: 0x28, programSize: 0x36, programCount: 0x38, sectionSize: 0x3a } as const
const PT_LOAD = 1

/** @throws Error if this is no such file */
export function stripped(file: Buffer): Buffer {
  if (file.length < 64 || file.readUInt32LE(0) !== MAGIC || file[4] !== CLASS_64 || file[5] !== LITTLE_ENDIAN) {
    throw new Error('not a 64-bit little-endian ELF file')
  }
  const at = Number(file.readBigUInt64LE(HEADER.programAt))
  const size = file.readUInt16LE(HEADER.programSize)
  const count = file.readUInt16LE(HEADER.programCount)
  let end = at + size * count
  for (let i = 0; i < count; i++) {
    const header = at + i * size
    if (file.readUInt32LE(header) !== PT_LOAD) continue
    end = Math.max(end, Number(file.readBigUInt64LE(header + 8)) + Number(file.readBigUInt64LE(header + 32)))
  }
  if (end > file.length) throw new Error(`an ELF file that breaks off: ${file.length} octets, expected ${end}`)
  const out = Buffer.from(file.subarray(0, end))
  out.writeBigUInt64LE(0n, HEADER.sectionsAt)
  out.fill(0, HEADER.sectionSize, HEADER.sectionSize + 6) // their size, number, and which one holds their names
  return out
}
