/**
 * Cuts a large YAML text where its meaning allows it, into documents and into the items of a List, so that 2 MB of
 * `kubectl get -o yaml` are parsed between queries and in little memory. Looks at line beginnings only; what parses in
 * pieces means the same as the whole, and what does not is parsed as a whole.
 */

/** About as much as is parsed within one turn of the event loop. */
const PIECE_CHARACTERS = 8 << 10

/** A document, or a List whose items are apart: `envelope` is the List with `items` empty, each piece a sequence. */
export interface DocumentPieces {
  readonly envelope: string
  readonly items: readonly string[]
}

/** The documents of a text. */
export function documentsOf(text: string): string[] {
  if (/^(?:%|\.\.\.)/m.test(text)) return [text] // directives and end markers reach from one document to the next
  return text.split(/^(?=---(?:\s|$))/m)
}

/** Undefined for a document that is no large List in block style. */
export function listPieces(document: string): DocumentPieces | undefined {
  if (document.length < 2 * PIECE_CHARACTERS) return undefined
  const head = /^items:[ \t]*\r?\n([ ]*)- /m.exec(document)
  if (!head) return undefined
  const indent = head[1]!
  const from = head.index + head[0].length - indent.length - '- '.length
  const to = endOfItems(document, from, indent)
  const items: string[] = []
  let start = from
  for (let at = from; at < to; ) {
    const next = document.indexOf(`\n${indent}- `, at + PIECE_CHARACTERS)
    at = next < 0 || next >= to ? to : next + 1
    items.push(document.slice(start, at))
    start = at
  }
  return { envelope: `${document.slice(0, from)}${document.slice(to)}`, items }
}

/** The first line after the items that is neither one of them nor within one. */
function endOfItems(document: string, from: number, indent: string): number {
  // `items` stands at the left margin, so what comes after it does too, and is no item.
  for (let at = document.indexOf('\n', from); at >= 0; at = document.indexOf('\n', at + 1)) {
    const first = document[at + 1]
    if (first === undefined) break
    if (first === ' ' || first === '\n' || first === '\r' || first === '#') continue
    if (indent !== '' || !document.startsWith('- ', at + 1)) return at + 1
  }
  return document.length
}
