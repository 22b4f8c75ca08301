/** resolv.conf files and addresses of the TO list. */
import { deepEqual, equal } from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import { addressText, hostPortText, parseAddressPort } from '../../../plugins/forward/address.ts'
import { addressesOf, FileWatch, parseResolvConf, type Target } from '../../../plugins/forward/targets.ts'

const texts = (targets: readonly Target[]) => addressesOf(targets).map(addressText)

test('resolv.conf', () => {
  const file =
    '# nameserver 1.1.1.1\n;nameserver 2.2.2.2\nnameserver 10.0.0.1 # here\n nameserver\t::1\nnameserver nowhere\nnameserver\nsearch a b\nnameserver fe80::1%lo\n'
  deepEqual(parseResolvConf(file).map(addressText), ['10.0.0.1:53', '[::1]:53', '[fe80::1%lo]:53'])
})

for (const { text, address } of [
  { text: '10.0.0.1', address: '10.0.0.1:53' },
  { text: '10.0.0.1:5353', address: '10.0.0.1:5353' },
  { text: '2001:DB8:0::1', address: '[2001:db8::1]:53' },
  { text: '[2001:db8::1]', address: '[2001:db8::1]:53' },
  { text: '[2001:db8::1]:5353', address: '[2001:db8::1]:5353' },
  { text: '[10.0.0.1]:53', address: undefined },
  { text: '10.0.0.1:', address: undefined },
  { text: '10.0.0.1:65536', address: undefined },
  { text: 'example:53', address: undefined },
  { text: '', address: undefined },
]) {
  test(`address "${text}"`, () => {
    const found = parseAddressPort(text)
    equal(found && hostPortText(found), address)
  })
}

test('each address once, in the order of the list', () => {
  const address = (host: string): Target => ({
    kind: 'address',
    address: { scheme: 'dns', host, port: 53, serverName: undefined },
  })
  const file: Target = {
    kind: 'file',
    path: '',
    addresses: parseResolvConf('nameserver 10.0.0.2\nnameserver 10.0.0.1'),
  }
  deepEqual(texts([address('10.0.0.1'), file, address('10.0.0.3')]), ['10.0.0.1:53', '10.0.0.2:53', '10.0.0.3:53'])
})

test('a file that changes; an empty or missing one changes nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'targets-'))
  try {
    const path = join(folder, 'resolv.conf')
    const targets: Target[] = [{ kind: 'file', path, addresses: parseResolvConf('nameserver 10.0.0.1') }]
    let changes = 0
    const watch = new FileWatch(targets, () => changes++)
    const write = (content: string) => {
      writeFileSync(`${path}.new`, content)
      renameSync(`${path}.new`, path)
    }
    write('nameserver 10.0.0.1\n')
    await watch.look()
    equal(changes, 0)
    write('nameserver 10.0.0.2\nnameserver 10.0.0.1\n')
    await watch.look()
    deepEqual([changes, texts(targets)], [1, ['10.0.0.2:53', '10.0.0.1:53']])
    write('')
    await watch.look()
    rmSync(path)
    await watch.look()
    deepEqual([changes, texts(targets)], [1, ['10.0.0.2:53', '10.0.0.1:53']])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.run()
