import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugin } from '../../plugins/hosts/hosts.ts'
import { cells, families } from '../../server/metrics.ts'
import type { Query, Stage } from '../../server/plugin.ts'
import * as reply from '../../server/reply.ts'
import { RCODE } from '../../server/wire/codes.ts'
import { capturedLog } from '../harness/captured-log.ts'
import { corefileFailure } from '../harness/corefile-failure.ts'
import { text } from '../harness/message.ts'
import { chainOf } from '../harness/stage.ts'

const folder = mkdtempSync(join(tmpdir(), 'sextant-hosts-'))
test.after(() => rmSync(folder, { recursive: true }))

/** The next plugin, told from hosts by its rcode. */
const next: Stage = { handle: (q: Query) => reply.empty(q, RCODE.NOTIMP) }
const NEXT = 'NOTIMP rd'

let files = 0
function hostsFile(content: string): string {
  const file = join(folder, `hosts${files++}`)
  writeFileSync(file, content)
  return file
}

const FILE = hostsFile(`
  # a comment
  127.0.0.1   localhost localhost.localdomain # another
  192.0.2.1   a.example.org B.Example.org
  192.0.2.2   a.example.org
  192.0.2.1   a.example.org
  2001:db8::1 a.example.org
  ::ffff:192.0.2.3 mapped.example.org
  fe80::1%eth0 link.example.org
  192.0.2.4   deep.under.example.org
  192.0.2.5   *.wild.example.org
  2001:db8::5 own.wild.example.org
  192.0.2.6
  not-an-address name.example.org
  192.0.2.7   bad..name good.example.org
  192.0.2.8   elsewhere.net
`)

const SOA = text`
  ;; AUTHORITY
  example.org. 30 IN SOA example.org. hostmaster.example.org. 1 7200 1800 86400 30
`

for (const { name, body = `hosts ${FILE} example.org`, asked, type = 'A', is } of [
  {
    name: 'all addresses',
    asked: 'A.example.org',
    is: text`
    NOERROR aa rd
    ;; ANSWER
    A.example.org. 3600 IN A 192.0.2.1
    A.example.org. 3600 IN A 192.0.2.2`,
  },
  {
    name: 'the other family',
    asked: 'a.example.org',
    type: 'AAAA',
    is: text`
    NOERROR aa rd
    ;; ANSWER
    a.example.org. 3600 IN AAAA 2001:db8::1`,
  },
  {
    name: 'a mapped address is IPv4',
    asked: 'mapped.example.org',
    is: text`
    NOERROR aa rd
    ;; ANSWER
    mapped.example.org. 3600 IN A 192.0.2.3`,
  },
  {
    name: 'the zone of an address is left out',
    asked: 'link.example.org',
    type: 'AAAA',
    is: text`
    NOERROR aa rd
    ;; ANSWER
    link.example.org. 3600 IN AAAA fe80::1`,
  },
  {
    name: 'ttl',
    body: `hosts ${FILE} {\nttl 7\n}`,
    asked: 'b.example.org',
    is: text`
    NOERROR aa rd
    ;; ANSWER
    b.example.org. 7 IN A 192.0.2.1`,
  },
  { name: 'a name of one family only', asked: 'b.example.org', type: 'AAAA', is: `NOERROR aa rd\n${SOA}` },
  { name: 'another type', asked: 'a.example.org', type: 'TXT', is: `NOERROR aa rd\n${SOA}` },
  { name: 'an unknown name in a zone of its own', asked: 'nope.example.org', is: `NXDOMAIN aa rd\n${SOA}` },
  { name: 'a name that only has names below it', asked: 'under.example.org', is: `NOERROR aa rd\n${SOA}` },
  { name: 'the apex', asked: 'example.org', is: `NOERROR aa rd\n${SOA}` },
  {
    name: 'a wildcard',
    asked: 'any.wild.example.org',
    is: text`
    NOERROR aa rd
    ;; ANSWER
    any.wild.example.org. 3600 IN A 192.0.2.5`,
  },
  {
    name: 'a wildcard where the name has the other family only',
    asked: 'own.wild.example.org',
    is: text`
    NOERROR aa rd
    ;; ANSWER
    own.wild.example.org. 3600 IN A 192.0.2.5`,
  },
  { name: 'a wildcard stands for one label', asked: 'x.y.wild.example.org', is: `NXDOMAIN aa rd\n${SOA}` },
  {
    name: 'bad names are passed over, not their line',
    asked: 'good.example.org',
    is: text`
    NOERROR aa rd
    ;; ANSWER
    good.example.org. 3600 IN A 192.0.2.7`,
  },
  { name: 'names outside the zones', asked: 'elsewhere.net', is: NEXT },
  { name: 'unknown in the root zone', body: `hosts ${FILE}`, asked: 'nope.example.org', is: 'SERVFAIL rd' },
  { name: 'only names below, in the root zone', body: `hosts ${FILE}`, asked: 'under.example.org', is: 'SERVFAIL rd' },
  {
    name: 'no data in the root zone',
    body: `hosts ${FILE}`,
    asked: 'b.example.org',
    type: 'AAAA',
    is: 'NOERROR aa rd',
  },
  {
    name: 'the reverse of an address, in no zone of it',
    asked: '1.2.0.192.in-addr.arpa',
    type: 'PTR',
    is: text`
    NOERROR aa rd
    ;; ANSWER
    1.2.0.192.in-addr.arpa. 3600 IN PTR a.example.org.
    1.2.0.192.in-addr.arpa. 3600 IN PTR b.example.org.`,
  },
  {
    name: 'the reverse of an IPv6 address',
    asked: '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa',
    type: 'PTR',
    is: text`
    NOERROR aa rd
    ;; ANSWER
    1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. 3600 IN PTR a.example.org.`,
  },
  { name: 'an unknown reverse', body: `hosts ${FILE}`, asked: '9.9.9.9.in-addr.arpa', type: 'PTR', is: NEXT },
  { name: 'a wildcard has no reverse', asked: '5.2.0.192.in-addr.arpa', type: 'PTR', is: NEXT },
  {
    name: 'no_reverse',
    body: `hosts ${FILE} {\nno_reverse\n}`,
    asked: '1.2.0.192.in-addr.arpa',
    type: 'PTR',
    is: NEXT,
  },
  {
    name: 'fallthrough of an unknown name',
    body: `hosts ${FILE} {\nfallthrough\n}`,
    asked: 'nope.example.org',
    is: NEXT,
  },
  {
    name: 'fallthrough of a name that only has names below it',
    body: `hosts ${FILE} example.org {\nfallthrough\n}`,
    asked: 'under.example.org',
    is: NEXT,
  },
  {
    name: 'no fallthrough of a known name',
    body: `hosts ${FILE} {\nfallthrough\n}`,
    asked: 'a.example.org',
    type: 'TXT',
    is: 'NOERROR aa rd',
  },
  {
    name: 'no fallthrough of another zone',
    body: `hosts ${FILE} {\nfallthrough example.net\n}`,
    asked: 'nope.example.org',
    is: 'SERVFAIL rd',
  },
  {
    name: 'fallthrough_unsupported',
    body: `hosts ${FILE} {\nfallthrough\nfallthrough_unsupported\n}`,
    asked: 'a.example.org',
    type: 'TXT',
    is: NEXT,
  },
  {
    name: 'lines of the Corefile follow those of the file',
    body: `hosts ${FILE} {\n10.0.0.1 a.example.org c.example.org\nfallthrough\n}`,
    asked: 'a.example.org',
    is: text`
    NOERROR aa rd
    ;; ANSWER
    a.example.org. 3600 IN A 192.0.2.1
    a.example.org. 3600 IN A 192.0.2.2
    a.example.org. 3600 IN A 10.0.0.1`,
  },
]) {
  test(name, async () => {
    assert.is(await chainOf([plugin], body, [next]).ask(asked, { type }), is)
  })
}

const NO_HOSTS: { name: string; make: (file: string) => void; says: RegExp }[] = [
  { name: 'a pipe', make: file => execFileSync('mkfifo', [file]), says: /it is a pipe or a device$/ },
  { name: 'a device', make: file => symlinkSync('/dev/zero', file), says: /it is a pipe or a device$/ },
  {
    name: 'one line without end',
    make: file => writeFileSync(file, Buffer.alloc(3 << 20, 'a')),
    says: /a line of more/,
  },
]
for (const { name, make, says } of NO_HOSTS) {
  test(`a file that becomes ${name} is not read, at a start either`, async () => {
    const file = hostsFile('192.0.2.1 a\n')
    const body = `hosts ${file} {\nreload 0s\n}`
    const { ask, stages } = chainOf([plugin], body, [next])
    const stage = stages[0]! as Stage & { reload(): Promise<void> }
    await stage.start!(undefined)
    rmSync(file)
    make(file)
    const [line] = await capturedLog(() => stage.reload())
    assert.match(line!, says)
    assert.match(await ask('a'), /192\.0\.2\.1/)
    await stage.stop!()
    const lines = await capturedLog(async () => {
      const [again] = chainOf([plugin], body, [next]).stages
      await again!.start!(undefined)
      await again!.stop!()
    })
    assert.match(lines[0]!, says)
    rmSync(file)
  })
}

test('a changed file is read again, one that is gone leaves what there was', async () => {
  const file = hostsFile('192.0.2.1 a\n')
  const { ask, stages } = chainOf([plugin], `hosts ${file}`, [next])
  const stage = stages[0]! as Stage & { reload(): Promise<void> }
  const entries = () => cells[families.get('coredns_hosts_entries')!.children.get(file)!.cell]
  await stage.start!(undefined)
  assert.is(entries(), 2)
  writeFileSync(file, '192.0.2.9 a b\n')
  utimesSync(file, 1, 1)
  assert.equal(await capturedLog(() => stage.reload()), [`[INFO] plugin/hosts: read "${file}" again: 4 entries`])
  assert.match(await ask('a'), /192\.0\.2\.9/)
  assert.is(entries(), 4)
  assert.equal(await capturedLog(() => stage.reload()), [])
  rmSync(file)
  const lines = await capturedLog(async () => {
    await stage.reload()
    await stage.reload()
  })
  assert.is(lines.length, 1)
  assert.match(await ask('b'), /192\.0\.2\.9/)
  await stage.stop!()
})

test('the interval looks at the file by itself', async () => {
  const file = hostsFile('192.0.2.1 a\n')
  const { ask, stages } = chainOf([plugin], `hosts ${file} {\nreload 5ms\n}`, [next])
  await stages[0]!.start!(undefined)
  const lines = await capturedLog(async () => {
    writeFileSync(file, '192.0.2.22 a\n')
    for (let i = 0; i < 400 && !(await ask('a')).includes('192.0.2.22'); i++) {
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  })
  assert.match(await ask('a'), /192\.0\.2\.22/)
  assert.ok(lines.length > 0)
  await stages[0]!.stop!()
})

test('a missing file is a warning', async () => {
  const lines = await capturedLog(() => chainOf([plugin], 'hosts missing-hosts {\n10.0.0.1 a\n}', [], '.', { folder }))
  assert.is(lines.length, 1)
  assert.ok(lines[0]!.startsWith(`[WARN] plugin/hosts: cannot read "${folder}/missing-hosts": `), lines[0])
})

for (const body of [
  'hosts',
  'hosts /etc/hosts example.org 10.0.0.0/8',
  'hosts {\n10.0.0.1 example.org\n::1 a b\nttl 60\nno_reverse\nreload 0s\nfallthrough example.org\n}',
]) {
  test(`good: ${body.replaceAll('\n', ' ')}`, () => {
    assert.ok(chainOf([plugin], body).stages[0]!.handle)
  })
}

for (const { body, at, says } of [
  { body: 'hosts\nhosts', at: '3:1', says: 'used again' },
  { body: 'hosts {\nttl 0\n}', at: '3:5', says: 'invalid ttl "0", expected a whole number from 1 to 65535' },
  { body: 'hosts {\nttl\n}', at: '3:1', says: 'missing argument' },
  { body: 'hosts {\nreload soon\n}', at: '3:8', says: 'invalid duration "soon"' },
  { body: 'hosts {\nreload -1s\n}', at: '3:8', says: 'invalid duration "-1s"' },
  { body: 'hosts {\nno_reverse yes\n}', at: '3:12', says: 'surplus argument' },
  { body: 'hosts {\nfalltrough\n}', at: '3:1', says: 'unknown property "falltrough", expected an address, ttl' },
  { body: 'hosts {\n10.0.0.1\n}', at: '3:1', says: 'missing argument' },
  { body: 'hosts {\n10.0.0.1 a..b\n}', at: '3:10', says: 'empty label, expected a domain name' },
  { body: 'hosts {\nfallthrough_unsupported\n}', at: '3:1', says: 'without fallthrough' },
  { body: 'hosts /etc/hosts a..b', at: '2:18', says: '' },
]) {
  test(`bad: ${body.replaceAll('\n', ' ')}`, () => {
    const error = corefileFailure(() => chainOf([plugin], body))
    assert.is(`${error.line}:${error.column}`, at)
    assert.ok(error.message.includes(says), error.message)
  })
}

test.run()
