/** Writes API objects as Protocol Buffers, as an API server sends them: enough of it to replay a cluster. */

/** What a message holds: field number, then its value. A list of values is a field that stands several times. */
export type Message = readonly (readonly [number, Value | readonly Value[]])[]
type Value = string | number | boolean | Buffer | { readonly message: Message }

const DELIMITED = 2

function varint(value: number): Buffer {
  const octets: number[] = []
  let rest = value
  while (rest >= 128) {
    octets.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  octets.push(rest)
  return Buffer.from(octets)
}

export function message(fields: Message): Buffer {
  const parts: Buffer[] = []
  for (const [number, value] of fields) {
    for (const one of Array.isArray(value) ? (value as readonly Value[]) : [value as Value]) field(parts, number, one)
  }
  return Buffer.concat(parts)
}

function field(parts: Buffer[], number: number, value: Value): void {
  if (typeof value === 'number' || typeof value === 'boolean') {
    parts.push(varint(number << 3), varint(Number(value)))
    return
  }
  const octets = Buffer.isBuffer(value)
    ? value
    : typeof value === 'string'
      ? Buffer.from(value)
      : message(value.message)
  parts.push(varint((number << 3) | DELIMITED), varint(octets.length), octets)
}

/** A map from text to text. */
export function map(texts: Readonly<Record<string, string>>): { message: Message }[] {
  return Object.entries(texts).map(([key, value]) => ({
    message: [
      [1, key],
      [2, value],
    ],
  }))
}

/** An object with its type in front. */
export function wrapped(apiVersion: string, kind: string, raw: Buffer): Buffer {
  const type: Message = [
    [1, apiVersion],
    [2, kind],
  ]
  const unknown: Message = [
    [1, { message: type }],
    [2, raw],
    [3, ''],
    [4, ''],
  ]
  return Buffer.concat([Buffer.from('k8s\0', 'latin1'), message(unknown)])
}

/** One event of a watch, its length in front. */
export function watchEvent(type: string, object: Buffer): Buffer {
  const event = message([
    [1, type],
    [2, { message: [[1, object]] }],
  ])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(event.length)
  return Buffer.concat([length, event])
}
