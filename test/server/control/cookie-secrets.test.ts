import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cookieSecrets } from '../../../server/control/cookie-secrets.ts'

const test = suite('cookie secrets')
const ONE = 'e5e973e5a6b2a43f48e7dc849e37bfcf'
const OTHER = '445536BCD2513298075A5D379663C962'

for (const { text, gives } of [
  { text: '', gives: [] },
  { text: ONE, gives: [ONE] },
  { text: `${ONE}, ${OTHER}`, gives: [ONE, OTHER.toLowerCase()] },
]) {
  test(`${text || 'none'}: ${gives.length} secrets`, () => {
    const secrets = cookieSecrets(text)
    assert.equal(
      secrets.map(secret => Buffer.from(secret).toString('hex')),
      gives,
    )
  })
}

for (const { text, says } of [
  { text: ONE.slice(1), says: 'secret 1: found 31 characters, expected 32 hexadecimal digits' },
  {
    text: `${ONE},${ONE.replace('e', 'g')}`,
    says: 'secret 2: found others among them, expected 32 hexadecimal digits',
  },
  { text: `${ONE},`, says: 'secret 2: found 0 characters, expected 32 hexadecimal digits' },
  { text: `${ONE},${ONE},${ONE}`, says: 'found 3 secrets, expected 2 at most' },
]) {
  test(`${says}, without telling it`, () => {
    try {
      cookieSecrets(text)
      assert.unreachable()
    } catch (cause) {
      assert.is((cause as Error).message, `SEXTANT_COOKIE_SECRETS: ${says}`)
    }
  })
}

test.run()
