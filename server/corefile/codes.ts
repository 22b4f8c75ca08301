/**
 * The closed list of Corefile error codes, each with a one-line meaning.
 * docs/errors.md lists the same codes; a test compares the two in both directions.
 */

/** Every code that a `CorefileError` may carry, in the order of reading, importing, parsing, building and setting up. */
export const COREFILE_ERROR_CODES = [
  { code: 'COREFILE_UNTERMINATED_QUOTE', meaning: 'a quoted token has no closing quote' },
  {
    code: 'COREFILE_ENVIRONMENT_LOOP',
    meaning: 'the value of an environment variable refers to itself, or grows without end',
  },
  { code: 'COREFILE_IMPORT_ARGUMENT', meaning: 'import has no argument, or more than one' },
  { code: 'COREFILE_IMPORT_PATTERN', meaning: 'an import pattern holds more than one * or ?, or a character class' },
  { code: 'COREFILE_IMPORT_NOT_FOUND', meaning: 'import names neither a snippet defined above nor a file' },
  { code: 'COREFILE_IMPORT_UNREADABLE', meaning: 'an imported file is a directory or cannot be read' },
  { code: 'COREFILE_IMPORT_CYCLE', meaning: 'a file or snippet imports itself, directly or through others' },
  { code: 'COREFILE_IMPORT_LIMIT', meaning: 'the configuration expands to more imports than allowed' },
  { code: 'COREFILE_SNIPPET_REDEFINED', meaning: 'two snippets have the same name' },
  { code: 'COREFILE_SNIPPET_INVALID', meaning: 'a snippet has no name or no braces, or stands in a list of keys' },
  { code: 'COREFILE_UNTERMINATED_BLOCK', meaning: 'a block is opened and never closed' },
  { code: 'COREFILE_UNEXPECTED_BRACE', meaning: 'a brace stands where none belongs' },
  { code: 'COREFILE_BRACE_NOT_ALONE', meaning: 'a closing brace shares its line with other text' },
  {
    code: 'COREFILE_NESTED_BLOCK',
    meaning: 'a block is opened inside the block of a directive, or a server block inside another',
  },
  { code: 'COREFILE_MISSING_KEY', meaning: 'a server block has no key, or a list of keys ends in a comma' },
  { code: 'COREFILE_EMPTY_NAME', meaning: 'the name of a directive or property is empty' },
  { code: 'COREFILE_INVALID_KEY', meaning: 'a server block key is not [scheme://]zone[:port]' },
  { code: 'COREFILE_DUPLICATE_KEY', meaning: 'two server blocks serve the same zone on the same address and port' },
  { code: 'COREFILE_MISSING_CERTIFICATE', meaning: 'a server block with an encrypted key has no `tls`' },
  { code: 'COREFILE_LISTENER_CONFLICT', meaning: 'server blocks want one port, and do not agree about what it is' },
  { code: 'COREFILE_UNKNOWN_DIRECTIVE', meaning: 'no plugin has this name' },
  { code: 'COREFILE_UNAVAILABLE_DIRECTIVE', meaning: 'a plugin of CoreDNS that this server does not have' },
  {
    code: 'COREFILE_REPEATED_DIRECTIVE',
    meaning: 'a directive that may stand once in a server block stands there again',
  },
  { code: 'COREFILE_UNEXPECTED_BLOCK', meaning: 'a directive that takes no block has one' },
  { code: 'COREFILE_UNKNOWN_PROPERTY', meaning: 'the directive has no property of this name' },
  { code: 'COREFILE_REPEATED_PROPERTY', meaning: 'a property that may stand once in a block stands there again' },
  { code: 'COREFILE_MISSING_ARGUMENT', meaning: 'a directive or property has too few arguments' },
  { code: 'COREFILE_SURPLUS_ARGUMENT', meaning: 'a directive or property has too many arguments' },
  { code: 'COREFILE_UNKNOWN_VALUE', meaning: 'an argument is not one of the listed words' },
  { code: 'COREFILE_INVALID_VALUE', meaning: 'an argument, or a combination of options, makes no sense' },
  { code: 'COREFILE_INVALID_NUMBER', meaning: 'an argument is not a number, or not within its range' },
  {
    code: 'COREFILE_INVALID_DURATION',
    meaning: 'an argument is not a duration such as 300ms, 5s or 1m30s, or not within its range',
  },
  { code: 'COREFILE_INVALID_ADDRESS', meaning: 'an argument is not an IP address, host:port or CIDR' },
  { code: 'COREFILE_INVALID_ZONE', meaning: 'an argument is not a domain name or CIDR' },
  { code: 'COREFILE_INVALID_REGEXP', meaning: 'an argument is not a regular expression in RE2 syntax' },
  { code: 'COREFILE_UNREADABLE_FILE', meaning: 'a file named by a directive cannot be read or understood' },
  {
    code: 'COREFILE_UNUSABLE_SOURCE',
    meaning: 'what a directive gets its data from cannot be used: seen at the start',
  },
] as const

/** One of the codes of `COREFILE_ERROR_CODES`. */
export type CorefileErrorCode = (typeof COREFILE_ERROR_CODES)[number]['code']
