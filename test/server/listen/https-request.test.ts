import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MEDIA_TYPE, readHead, STATUS } from '../../../server/listen/https-request.ts'

const test = suite('https-request')
const head = { method: 'GET', url: '/dns-query', contentType: undefined, contentLength: undefined }
const REFUSALS = new Set<number>(Object.values(STATUS).filter(status => status >= 400))

test('every query of up to 4,096 octets comes out as it went in', () =>
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 4096 }), octets => {
      const read = readHead({ ...head, url: `/dns-query?a=b&dns=${Buffer.from(octets).toString('base64url')}&c` })
      assert.ok(read instanceof Buffer)
      assert.is(Buffer.compare(read, octets), 0)
    }),
  ))

test('the whole URI does as well as the path', () => {
  for (const url of ['https://dns.test/dns-query?dns=AAAA', 'HTTP://[::1]:8443/dns-query?dns=AAAA']) {
    assert.equal(readHead({ ...head, url }), Buffer.alloc(3), url)
  }
  for (const url of ['https://dns.test/x?dns=AAAA', 'https://dns.test', 'ftp://dns.test/dns-query?dns=AAAA'])
    assert.is(readHead({ ...head, url }), STATUS.NOT_FOUND, url)
})

test('whatever a client sends is a query, a body to come, or a refusal', () =>
  fc.assert(
    fc.property(
      fc.record({
        method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', '', undefined),
        url: fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string({ unit: 'binary' }).map(text => `/dns-query?${text}`),
          fc.string({ unit: 'binary' }).map(text => `/dns-query?dns=${text}`),
        ),
        contentType: fc.option(fc.oneof(fc.string(), fc.constant(MEDIA_TYPE)), { nil: undefined }),
        contentLength: fc.option(fc.oneof(fc.string(), fc.nat().map(String)), { nil: undefined }),
      }),
      asked => {
        const read = readHead(asked)
        if (typeof read === 'number') assert.ok(REFUSALS.has(read))
        else if (read === undefined) assert.is(asked.method, 'POST')
        else assert.ok(read.length > 0 && read.length <= 4096)
      },
    ),
    { numRuns: 1000 },
  ))

test.run()
