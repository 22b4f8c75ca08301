/**
 * What a snapshot says of itself before it says anything else: two lines of text, so that `head -2` shows them. The
 * format, then when it was taken and of what, as JSON. What is of another format, cluster or selection is not ours.
 *
 *   sextant snapshot 1
 *   {"takenAt":"2026-11-27T14:00:03.250Z","sections":["namespace","service"],"server":"https://10.96.0.1/",…}
 */
import { isJson, textAt, textsAt } from '../object/object.ts'

/** One more for each change of what is written. */
export const FORMAT = 1
export const MAGIC = 'sextant snapshot '
/** Most octets of both lines: selectors can be long. */
export const MAX_HEADER_BYTES = 1 << 16

/** Of what a snapshot was taken: the cluster, and which of its objects in which form. */
export interface Picture {
  /** The API server's URL, and a fingerprint of the CA that it is known by; empty without one. */
  readonly server: string
  readonly ca: string
  /** Label selectors; empty for all objects. */
  readonly labels: string
  readonly namespaceLabels: string
  readonly endpointPodNames: boolean
}

export interface Header {
  readonly takenAtMs: number
  /** Names of what follows, in this order (section.ts). */
  readonly sections: readonly string[]
  readonly picture: Picture
}

/** A file that is of no use, with the reason; `isSnapshot` if it is one nevertheless, and may be written over. */
export class Unusable extends Error {
  override readonly name = 'Unusable'
  readonly isSnapshot: boolean
  constructor(reason: string, isSnapshot: boolean, cause?: unknown) {
    super(reason, { cause })
    this.isSnapshot = isSnapshot
  }
}

export function writeHeader({ takenAtMs, sections, picture }: Header): Buffer {
  const about = { takenAt: new Date(takenAtMs).toISOString(), sections, ...picture }
  return Buffer.from(`${MAGIC}${FORMAT}\n${JSON.stringify(about)}\n`)
}

/**
 * Checks how a file begins: `start` has as much of it as a header may take.
 * @throws Unusable
 */
export function checkFormat(start: Buffer): void {
  // Storage that lost its power gives back zeros, or nothing at all.
  if (start.length === 0 || start[0] === 0) throw new Unusable('it is empty', true)
  const magic = start.toString('latin1', 0, MAGIC.length)
  if (magic !== MAGIC && MAGIC.startsWith(magic)) throw new Unusable('it is damaged', true)
  if (magic !== MAGIC)
    throw new Unusable('it is no snapshot and stays as it is, expected the path of one, or of a new file', false)
  const format = /^\d{1,9}(?=\n)/.exec(start.toString('latin1', MAGIC.length, MAGIC.length + 10))?.[0]
  if (format === undefined) throw new Unusable('it is damaged', true)
  if (format !== String(FORMAT)) throw new Unusable(`found format ${format}, expected ${FORMAT}`, true)
}

/**
 * Reads both lines.
 * @returns the header and its octets; undefined if there is none
 */
export function readHeader(start: Buffer): { header: Header; bytes: number } | undefined {
  const first = start.indexOf('\n')
  const second = start.indexOf('\n', first + 1)
  if (first < 0 || second < 0) return undefined
  let about: unknown
  try {
    about = JSON.parse(start.toString('utf8', first + 1, second))
  } catch {
    return undefined
  }
  if (!isJson(about)) return undefined
  const takenAtMs = Date.parse(textAt(about, 'takenAt'))
  if (Number.isNaN(takenAtMs)) return undefined
  const picture = {
    server: textAt(about, 'server'),
    ca: textAt(about, 'ca'),
    labels: textAt(about, 'labels'),
    namespaceLabels: textAt(about, 'namespaceLabels'),
    endpointPodNames: about.endpointPodNames === true,
  }
  return { header: { takenAtMs, sections: textsAt(about, 'sections'), picture }, bytes: second + 1 }
}

/** In what a snapshot is not of what is wanted: found and expected; undefined if it is. */
export function difference(found: Picture, expected: Picture): string | undefined {
  const of = (text: string) => (text === '' ? 'none' : JSON.stringify(text))
  if (found.server !== expected.server)
    return `found a picture of the API server ${of(found.server)}, expected ${of(expected.server)}`
  if (found.ca !== expected.ca) return 'found a picture of a cluster with another CA certificate'
  for (const [name, a, b] of [
    ['labels', found.labels, expected.labels],
    ['namespace_labels', found.namespaceLabels, expected.namespaceLabels],
  ] as const) {
    if (a !== b) return `found a picture with ${name} ${of(a)}, expected ${of(b)}`
  }
  if (found.endpointPodNames === expected.endpointPodNames) return undefined
  const [has, wants] = found.endpointPodNames ? ['with', 'without'] : ['without', 'with']
  return `found a picture ${has} endpoint_pod_names, expected one ${wants}`
}
