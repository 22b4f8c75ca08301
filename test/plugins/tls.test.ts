import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../plugins/tls/tls.ts'
import type { ListenOptions } from '../../server/plugin.ts'
import { corefileFailures } from '../harness/corefile-failure.ts'
import { chainOf } from '../harness/stage.ts'
import { pem, tlsFolder } from '../harness/tls.ts'

const test = suite('tls')

/** What a block's listeners get. Relative names start in the folder of the test's certificates. */
function policyOf(body: string): ListenOptions['tls'] {
  const listen: ListenOptions = { addresses: [], udpBytes: 1232 }
  chainOf([plugin], body, [], '.', { listen, folder: tlsFolder })
  return listen.tls
}

const OWN = { cert: pem('server.crt'), key: pem('server.key'), ca: undefined, clientAuth: 'nocert' }
const GOOD: { name: string; body: string; gives: object | undefined }[] = [
  { name: 'none', body: '', gives: undefined },
  { name: 'certificate and key', body: 'tls server.crt server.key', gives: OWN },
  { name: 'with the CA of clients', body: 'tls server.crt server.key ca.crt', gives: { ...OWN, ca: pem('ca.crt') } },
  { name: 'absolute paths', body: `tls ${tlsFolder}/server.crt ${tlsFolder}/server.key`, gives: OWN },
  {
    name: 'several: the last one holds',
    body: 'tls client.crt client.key\ntls server.crt server.key',
    gives: OWN,
  },
  ...['nocert', 'request', 'require', 'verify_if_given', 'require_and_verify'].map(clientAuth => ({
    name: `client_auth ${clientAuth}`,
    body: `tls server.crt server.key ca.crt {\nclient_auth ${clientAuth}\n}`,
    gives: { ...OWN, ca: pem('ca.crt'), clientAuth },
  })),
]

for (const { name, body, gives } of GOOD) test(name, () => assert.equal(policyOf(body), gives))

const BAD: { name: string; body: string; at: string; says: RegExp }[] = [
  { name: 'nothing', body: 'tls', at: '2:1', says: /^missing argument of "tls", found 0, expected 2 to 3 arguments$/ },
  { name: 'a certificate alone', body: 'tls server.crt', at: '2:5', says: /^missing argument of "tls", found 1/ },
  { name: 'four files', body: 'tls server.crt server.key ca.crt ca.crt', at: '2:34', says: /^surplus argument/ },
  { name: 'no such file', body: 'tls nobody.crt server.key', at: '2:5', says: /^cannot read "nobody.crt" \(ENOENT/ },
  { name: 'no certificate', body: 'tls server.key server.key', at: '2:5', says: /^no certificate in "server.key"/ },
  { name: 'no key', body: 'tls server.crt server.crt', at: '2:16', says: /^no private key in "server.crt"/ },
  {
    name: 'the key of another',
    body: 'tls server.crt client.key',
    at: '2:16',
    says: /^another private key in "client.key", expected the key of "server.crt"$/,
  },
  {
    name: 'a word of client_auth that is none',
    body: 'tls server.crt server.key {\nclient_auth required\n}',
    at: '3:13',
    says: /^unknown client_auth "required".*, expected nocert, request, require, verify_if_given or require_and_verify$/,
  },
  {
    name: 'an unknown property',
    body: 'tls server.crt server.key {\nclient_cert require\n}',
    at: '3:1',
    says: /^unknown property "client_cert"/,
  },
  {
    name: 'acme',
    body: 'tls {\nacme example.org\n}',
    at: '3:1',
    says: /^"acme" of CoreDNS is not part of Sextant yet/,
  },
  {
    name: 'keylog',
    body: 'tls server.crt server.key {\nkeylog keys\n}',
    at: '3:1',
    says: /^"keylog" of CoreDNS is not part of Sextant yet, expected no record of session keys$/,
  },
]

for (const { name, body, at, says } of BAD) {
  test(`refused: ${name}`, () => {
    const failures = corefileFailures(() => policyOf(body))
    assert.is(failures.length, 1)
    const { line, column, message } = failures[0]!
    assert.is(`${line}:${column}`, at)
    assert.match(message, says)
  })
}

test.run()
