/** The system's roots are read into a context once, for they take ten milliseconds, and anew when they are others. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readCredentials } from '../../../plugins/forward/credentials.ts'

const TLS = `${import.meta.dirname}/../../harness/tls`

test('the context of the system is the same until its roots are others', () => {
  const { SSL_CERT_FILE } = process.env
  try {
    process.env.SSL_CERT_FILE = `${TLS}/ca.crt`
    const context = readCredentials([], '.')
    assert.is(readCredentials([], '.'), context)
    process.env.SSL_CERT_FILE = `${TLS}/next-ca.crt`
    const next = readCredentials([], '.')
    assert.is.not(next, context)
    assert.is(readCredentials([], '.'), next)
  } finally {
    if (SSL_CERT_FILE === undefined) delete process.env.SSL_CERT_FILE
    else process.env.SSL_CERT_FILE = SSL_CERT_FILE
  }
})

test.run()
