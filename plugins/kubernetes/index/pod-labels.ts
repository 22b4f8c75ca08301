/**
 * Labels of a pod as they stand in its block: of each key that somebody asks for, in the order of the keys, the octets of
 * the value and their number. Nobody asks: no octet. All labels of all pods would be the largest part of the index.
 */
import type { Json } from '../object/object.ts'

const ABSENT = 255
const NOT_PRINTABLE = /[^ -~]/

/** The value, undefined where there is none that Kubernetes would admit: manifests were checked by nobody. */
function keptValue(labels: Json | undefined, key: string): string | undefined {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined
  return typeof value === 'string' && value.length < 64 && !NOT_PRINTABLE.test(value) ? value : undefined
}

/** Octets that the labels of these keys take. */
export function podLabelsBytes(labels: Json | undefined, keys: readonly string[]): number {
  let bytes = keys.length
  for (const key of keys) bytes += keptValue(labels, key)?.length ?? 0
  return bytes
}

export function writePodLabels(bytes: Uint8Array, at: number, labels: Json | undefined, keys: readonly string[]): void {
  let to = at
  for (const key of keys) {
    const value = keptValue(labels, key)
    bytes[to++] = value === undefined ? ABSENT : value.length
    for (let i = 0; i < (value?.length ?? 0); i++) bytes[to++] = value!.charCodeAt(i)
  }
}

/** Where the label of key `i` stands, from `at` on. */
export function podLabelAt(bytes: Uint8Array, at: number, i: number): number {
  let from = at
  for (let key = 0; key < i; key++) from += 1 + (bytes[from] === ABSENT ? 0 : bytes[from]!)
  return from
}

/** The value of the label of key `i`, undefined if the pod does not have it. */
export function readPodLabel(bytes: Uint8Array, at: number, i: number): string | undefined {
  const from = podLabelAt(bytes, at, i)
  if (bytes[from] === ABSENT) return undefined
  return String.fromCharCode(...bytes.subarray(from + 1, from + 1 + bytes[from]!))
}
