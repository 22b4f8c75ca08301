/**
 * Label selectors in Kubernetes syntax: parsed for `labels` and `namespace_labels`, evaluated where no API server does it,
 * and written back in one form for those that do.
 *
 *   selector    = requirement *( "," requirement )
 *   requirement = key | "!" key | key ( "=" | "==" | "!=" ) value | key ( "in" | "notin" ) "(" value *( "," value ) ")"
 *               | key ( "gt" as ">" | "lt" as "<" ) integer
 */

export interface Requirement {
  readonly key: string
  readonly operator: 'exists' | 'absent' | 'in' | 'notin' | 'gt' | 'lt'
  readonly values: readonly string[]
}

export interface LabelSelector {
  readonly requirements: readonly Requirement[]
  /** The selector in the form that an API server takes as `labelSelector`. */
  readonly text: string
}

const MAX_VALUE_CHARACTERS = 63
const MAX_PREFIX_CHARACTERS = 253

/** True if an object with these labels is selected. */
export function selects(selector: LabelSelector, labels: ReadonlyMap<string, string>): boolean {
  return selector.requirements.every(requirement => meets(requirement, labels.get(requirement.key)))
}

function meets({ operator, values }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case 'exists':
      return value !== undefined
    case 'absent':
      return value === undefined
    case 'in':
      return value !== undefined && values.includes(value)
    case 'notin':
      return value === undefined || !values.includes(value)
    case 'gt':
      return isInteger(value) && BigInt(value) > BigInt(values[0]!)
    case 'lt':
      return isInteger(value) && BigInt(value) < BigInt(values[0]!)
  }
}

function isInteger(text: string | undefined): text is string {
  return text !== undefined && /^-?\d{1,19}$/.test(text)
}

/**
 * Parses a selector.
 * @throws RangeError with what was found, then what was expected.
 */
export function parseSelector(text: string): LabelSelector {
  const tokens = text.match(/[(),!]|[<>]|={1,2}|[^\s(),!<>=]+/g) ?? []
  const cursor = { tokens: joinNotEqual(tokens), at: 0 }
  if (cursor.tokens.length === 0) throw new RangeError('empty label selector, expected for example "app=web"')
  const requirements = [requirement(cursor)]
  while (cursor.at < cursor.tokens.length) {
    expect(cursor, ',')
    requirements.push(requirement(cursor))
  }
  return { requirements, text: requirements.map(write).join(',') }
}

interface Cursor {
  readonly tokens: readonly string[]
  at: number
}

/** `!` directly before `=` is one operator. */
function joinNotEqual(tokens: readonly string[]): string[] {
  const joined: string[] = []
  for (const token of tokens) {
    if (token === '=' && joined.at(-1) === '!') joined[joined.length - 1] = '!='
    else joined.push(token)
  }
  return joined
}

function requirement(cursor: Cursor): Requirement {
  if (cursor.tokens[cursor.at] === '!') {
    cursor.at++
    return { key: key(cursor), operator: 'absent', values: [] }
  }
  const subject = key(cursor)
  const operator = cursor.tokens[cursor.at]
  if (operator === undefined || operator === ',') return { key: subject, operator: 'exists', values: [] }
  cursor.at++
  switch (operator) {
    case '=':
    case '==':
      return { key: subject, operator: 'in', values: [optionalValue(cursor)] }
    case '!=':
      return { key: subject, operator: 'notin', values: [optionalValue(cursor)] }
    case 'in':
    case 'notin':
      return { key: subject, operator, values: valueList(cursor) }
    case '<':
    case '>':
      return { key: subject, operator: operator === '<' ? 'lt' : 'gt', values: [integer(cursor)] }
    default:
      throw new RangeError(`"${operator}" after label "${subject}", expected =, ==, !=, in, notin, < or >`)
  }
}

function key(cursor: Cursor): string {
  const text = cursor.tokens[cursor.at++]
  if (text === undefined) throw new RangeError('label selector ends early, expected a label')
  const slash = text.indexOf('/')
  const prefix = slash < 0 ? undefined : text.slice(0, slash)
  const name = text.slice(slash + 1)
  const prefixFits = prefix === undefined || (prefix.length <= MAX_PREFIX_CHARACTERS && PREFIX.test(prefix))
  if (!prefixFits || name === '' || !isValue(name))
    throw new RangeError(`invalid label "${text}", expected for example "app"`)
  return text
}
const PREFIX = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/

function isValue(text: string): boolean {
  return text.length <= MAX_VALUE_CHARACTERS && /^(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)?$/.test(text)
}

/** A value, or nothing before a comma or the end: the empty value. */
function optionalValue(cursor: Cursor): string {
  const text = cursor.tokens[cursor.at]
  if (text === undefined || text === ',' || text === ')') return ''
  cursor.at++
  if (!isValue(text)) throw new RangeError(`invalid label value "${text}", expected letters, digits, "-", "_" or "."`)
  return text
}

function valueList(cursor: Cursor): string[] {
  expect(cursor, '(')
  const values = [optionalValue(cursor)]
  while (cursor.tokens[cursor.at] === ',') {
    cursor.at++
    values.push(optionalValue(cursor))
  }
  expect(cursor, ')')
  return values
}

function integer(cursor: Cursor): string {
  const text = cursor.tokens[cursor.at++]
  if (!isInteger(text)) throw new RangeError(`"${text ?? ''}" after < or >, expected an integer`)
  return text
}

function expect(cursor: Cursor, token: string): void {
  const found = cursor.tokens[cursor.at++]
  if (found === token) return
  throw new RangeError(
    `${found === undefined ? 'label selector ends early' : `"${found}" in label selector`}, expected "${token}"`,
  )
}

function write({ key: subject, operator, values }: Requirement): string {
  switch (operator) {
    case 'exists':
      return subject
    case 'absent':
      return `!${subject}`
    case 'gt':
      return `${subject}>${values[0]}`
    case 'lt':
      return `${subject}<${values[0]}`
    default:
      return `${subject} ${operator} (${values.join(',')})`
  }
}
