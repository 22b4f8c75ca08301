/**
 * What the slim objects have in common: their kinds, and careful reading of API JSON. Input comes from a server or a
 * file: every field may be missing or of any type, so each reader checks and none throws. Owns no kind of object.
 */
import type { EndpointSlice } from './endpointslice.ts'
import type { Namespace } from './namespace.ts'
import type { Pod } from './pod.ts'
import type { Service } from './service.ts'

export const KINDS = ['service', 'endpointslice', 'pod', 'namespace'] as const
export type Kind = (typeof KINDS)[number]

/** What sources bring for a cluster set, and as what it stands in the cluster set's index. */
export const SET_KINDS = { serviceimport: 'service', importedslice: 'endpointslice' } as const
export type SetKind = keyof typeof SET_KINDS
export type AnyKind = Kind | SetKind

export function isSetKind(kind: AnyKind): kind is SetKind {
  return Object.hasOwn(SET_KINDS, kind)
}
export type SlimObject = Service | EndpointSlice | Pod | Namespace

/** A slim object, or the reason why there is none: a text such as `name "A_b" is no DNS label`. */
export type Trimmed<T extends SlimObject> = T | string

/** A JSON object whose fields are still to be checked. */
export type Json = Readonly<Record<string, unknown>>

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The object in a field, an empty one if there is none. */
export function objectAt(from: Json, field: string): Json {
  const value = from[field]
  return isJson(value) ? value : NOTHING
}
const NOTHING: Json = Object.freeze({})

/** The text in a field, empty if there is none. */
export function textAt(from: Json, field: string): string {
  const value = from[field]
  return typeof value === 'string' ? value : ''
}

/** The list in a field, an empty one if there is none. */
export function listAt(from: Json, field: string): readonly unknown[] {
  const value = from[field]
  return Array.isArray(value) ? value : NO_ITEMS
}
const NO_ITEMS: readonly unknown[] = Object.freeze([])

/** The texts of the list in a field; whatever else is in it is left out. */
export function textsAt(from: Json, field: string): readonly string[] {
  return listAt(from, field).filter(item => typeof item === 'string')
}

/** metadata.labels: those entries that are texts. */
export function labelsOf(json: unknown): ReadonlyMap<string, string> {
  const labels = new Map<string, string>()
  if (!isJson(json)) return labels
  for (const [key, value] of Object.entries(objectAt(objectAt(json, 'metadata'), 'labels'))) {
    if (typeof value === 'string') labels.set(key, value)
  }
  return labels
}

/** Namespace and name of an API object, whatever its kind; empty where missing. */
export function identityOf(json: unknown): { namespace: string; name: string } {
  const metadata = isJson(json) ? objectAt(json, 'metadata') : NOTHING
  return { namespace: textAt(metadata, 'namespace'), name: textAt(metadata, 'name') }
}

/** A label as Kubernetes admits it in names: RFC 1123 §2.1, lower case, at most 63 characters. */
export function isDnsLabel(text: string): boolean {
  return text.length <= 63 && /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(text)
}

/** A name of several labels, such as a pod's: at most 253 characters (RFC 1123 §2.1). */
export function isDnsSubdomain(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(text)
}
