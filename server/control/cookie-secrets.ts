/**
 * `SEXTANT_COOKIE_SECRETS`: what server cookies are made with, so that all servers behind one address take each other's (RFC 9018
 * §4.4, §5). Up to two of 32 hexadecimal digits, with a comma in between: the first makes cookies, each is good.
 */
const NAME = 'SEXTANT_COOKIE_SECRETS'
const MOST = 2
const SECRET = /^[0-9a-f]{32}$/i

/** The secrets, 16 octets each; none where none is configured. @throws Error that does not tell them */
export function cookieSecrets(text = process.env.SEXTANT_COOKIE_SECRETS ?? ''): Uint8Array[] {
  if (text === '') return []
  const parts = text.split(',').map(part => part.trim())
  if (parts.length > MOST) throw new Error(`${NAME}: found ${parts.length} secrets, expected ${MOST} at most`)
  return parts.map((part, i) => {
    if (SECRET.test(part)) return Buffer.from(part, 'hex')
    const other = part.length === 32 ? 'others among them' : `${part.length} characters`
    throw new Error(`${NAME}: secret ${i + 1}: found ${other}, expected 32 hexadecimal digits`)
  })
}
