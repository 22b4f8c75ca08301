/**
 * Text of a manifest → API objects: several documents, Lists of any type, JSON. js-yaml reads it; what that rejects is
 * located by the package `yaml`, which is slow and large and therefore only loaded then.
 */
import { workSlices } from '../informer/work-slices.ts'
import { isJson, type Json, listAt, textAt } from '../object/object.ts'
import { documentsOf, listPieces } from './manifest-pieces.ts'

/** A text over this size is not parsed a second time for a better message. */
const MAX_LOCATED_CHARACTERS = 256 << 10
/** Lists may hold Lists; as deep as js-yaml goes into anything. */
const MAX_LIST_DEPTH = 100

/** Asked for once: an import of the bundle copies the module's names each time, 28 ms for 2,000 files. */
let reader: typeof import('js-yaml') | undefined

/** What is wrong with a file, and where: 1-based. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError'
  readonly line: number
  readonly column: number

  constructor(text: string, line: number, column: number, cause?: unknown) {
    super(text, { cause })
    this.line = line
    this.column = column
  }
}

/**
 * The API objects in a text, out of their Lists. Each has a kind; items of a typed list get that of the list.
 * @throws ManifestError
 */
export async function objectsIn(text: string): Promise<Json[]> {
  const objects: Json[] = []
  const known = new Set<Json>()
  for (const document of await documentsIn(text)) {
    if (isJson(document)) flatten(document, objects, known)
    else if (document !== null && document !== undefined) {
      throw new ManifestError(`found a document that is ${describe(document)}, expected Kubernetes objects`, 1, 1)
    }
  }
  return objects
}

async function documentsIn(text: string): Promise<unknown[]> {
  if (text.startsWith('{')) {
    try {
      return [JSON.parse(text)] // what kubectl -o json wrote, and twenty times as fast
    } catch {
      // YAML takes more than JSON does, several documents for one; and it says what is wrong where.
    }
  }
  reader ??= await import('js-yaml') // not for those who have an API server
  const { loadAll, YAMLException } = reader
  const inPieces = await parsePieces(text, loadAll)
  if (inPieces) return inPieces
  try {
    return loadAll(text)
  } catch (error) {
    const located = await locate(text, error)
    if (located) throw located
    if (!(error instanceof YAMLException)) throw new ManifestError(String(error), 1, 1, error)
    const { line = 0, column = 0 } = error.mark ?? {}
    throw new ManifestError(error.reason, line + 1, column + 1, error)
  }
}

/** The documents of a text, parsed between queries; undefined if it has to be read as a whole. */
async function parsePieces(text: string, loadAll: (text: string) => unknown[]): Promise<unknown[] | undefined> {
  const documents: unknown[] = []
  try {
    for (const document of documentsOf(text)) {
      const list = listPieces(document)
      if (!list) documents.push(...loadAll(document))
      else {
        const [envelope] = loadAll(list.envelope)
        const items: unknown[] = []
        for (const piece of list.items) {
          for (const item of loadAll(piece)[0] as unknown[]) items.push(item)
          if (workSlices.spent) await workSlices.pause()
        }
        documents.push({ ...(envelope as Json), items })
      }
      if (workSlices.spent) await workSlices.pause()
    }
    return documents
  } catch {
    return undefined // broken, or with anchors across the cuts: the whole tells, and with the right line
  }
}

async function locate(text: string, error: unknown): Promise<ManifestError | undefined> {
  if (text.length > MAX_LOCATED_CHARACTERS) return undefined
  const { parseAllDocuments } = await import('yaml')
  for (const document of parseAllDocuments(text)) {
    const first = 'errors' in document ? document.errors[0] : undefined
    const at = first?.linePos?.[0]
    if (first && at) return new ManifestError(lowerFirst(first.message.split(' at line ')[0]!), at.line, at.col, error)
  }
  return undefined
}

/** Messages begin in lower case; a word that is a name (`JSON`) stays as it is. */
function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text[0]!.toLowerCase() + text.slice(1) : text
}

/** `known`: an alias may lead to what it stands in, or to the same List many times over. Each is taken once. */
function flatten(object: Json, objects: Json[], known: Set<Json>, depth = 0): void {
  if (known.has(object)) return
  if (depth > MAX_LIST_DEPTH)
    throw new ManifestError(`found Lists within Lists, expected at most ${MAX_LIST_DEPTH} of them`, 1, 1)
  known.add(object)
  const kind = textAt(object, 'kind')
  if (!kind.endsWith('List') || !Array.isArray(object.items)) {
    objects.push(object)
    return
  }
  const itemKind = kind.slice(0, -'List'.length)
  for (const item of listAt(object, 'items')) {
    if (!isJson(item)) continue
    if (itemKind === '' || textAt(item, 'kind') !== '') flatten(item, objects, known, depth + 1)
    else objects.push({ ...item, kind: itemKind, apiVersion: object.apiVersion })
  }
}

function describe(value: unknown): string {
  return Array.isArray(value) ? 'a sequence' : `the ${typeof value} ${JSON.stringify(value)?.slice(0, 40)}`
}
