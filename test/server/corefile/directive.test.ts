import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { groupDirectives, parseCorefile } from '../../../server/corefile/corefile.ts'
import { type Argument, Directive, fallthrough, type Property, zoneList } from '../../../server/corefile/directive.ts'
import { CorefileError, CorefileErrors, formatLine } from '../../../server/corefile/error.ts'

function directive(body: string): Directive {
  const [block] = parseCorefile(`. {\n${body}\n}\n`, 'Corefile').blocks
  return new Directive([...groupDirectives(block!).values()][0]!)
}

function errors(task: () => unknown): string[] {
  try {
    task()
  } catch (error) {
    if (error instanceof CorefileError) return [formatLine(error)]
    if (error instanceof CorefileErrors) return error.errors.map(formatLine)
    throw error
  }
  return []
}

/** The first argument of `x ARGUMENT`, which stands at 2:3. */
function argument(text: string): Argument {
  return directive(`x ${text}`).once().argument()
}

const good: { name: string; text: string; read: (argument: Argument) => unknown; value: unknown }[] = [
  { name: 'integer', text: '30', read: a => a.integer(0, 3600), value: 30 },
  { name: 'integer at both ends', text: '3600', read: a => a.integer(3600, 3600), value: 3600 },
  { name: 'number', text: '0.5', read: a => a.number(0, 1), value: 0.5 },
  { name: 'duration', text: '1m30s', read: a => a.duration(), value: 90_000 },
  { name: 'duration in bare seconds', text: '5', read: a => a.duration({ bareSeconds: true }), value: 5000 },
  { name: 'word', text: 'random', read: a => a.oneOf(['random', 'sequential']), value: 'random' },
  { name: 'word in any case', text: 'RanDom', read: a => a.oneOf(['random'], 'policy', true), value: 'random' },
  { name: 'boolean', text: 'off', read: a => a.boolean(), value: false },
  { name: 'address', text: '2001:DB8::1', read: a => a.address(), value: '2001:db8::1' },
  { name: 'host and port', text: ':8080', read: a => a.hostPort(), value: { host: '', port: 8080 } },
  { name: 'zone', text: 'Cluster.Local', read: a => a.zones(), value: ['cluster.local.'] },
  {
    name: 'zones of a CIDR',
    text: '10.0.0.0/15',
    read: a => a.zones(),
    value: ['0.10.in-addr.arpa.', '1.10.in-addr.arpa.'],
  },
  { name: 'CIDR', text: '10.1.0.0/16', read: a => a.cidr().prefixLength, value: 16 },
  { name: 'regular expression', text: '"^a+$"', read: a => a.regexp().matches('aaa'), value: true },
]
for (const row of good) test(`good: ${row.name}`, () => assert.equal(row.read(argument(row.text)), row.value))

const bad: { name: string; text: string; read: (argument: Argument) => unknown; error: string }[] = [
  {
    name: 'integer',
    text: 'abc',
    read: a => a.integer(0, 3600, 'ttl'),
    error: 'invalid ttl "abc", expected a whole number from 0 to 3600',
  },
  {
    name: 'integer out of range',
    text: '3601',
    read: a => a.integer(0, 3600, 'ttl'),
    error: 'invalid ttl "3601", expected a whole number from 0 to 3600',
  },
  {
    name: 'integer without an upper end',
    text: '0',
    read: a => a.integer(1, Number.POSITIVE_INFINITY),
    error: 'invalid number "0", expected a whole number of at least 1',
  },
  {
    name: 'number',
    text: '2',
    read: a => a.number(0, 1, 'rate'),
    error: 'invalid rate "2", expected a number from 0 to 1',
  },
  {
    name: 'duration without unit',
    text: '5',
    read: a => a.duration({}, 'expire'),
    error: 'invalid expire "5", expected a duration with a unit such as 300ms, 5s or 1m30s',
  },
  {
    name: 'duration negative',
    text: '-5s',
    read: a => a.duration(),
    error: 'invalid duration "-5s", expected at least 0s',
  },
  {
    name: 'duration zero',
    text: '0s',
    read: a => a.duration({ positive: true }),
    error: 'invalid duration "0s", expected more than 0s',
  },
  {
    name: 'duration too short',
    text: '1s',
    read: a => a.duration({ minMs: 2000 }, 'interval'),
    error: 'invalid interval "1s", expected at least 2s',
  },
  {
    name: 'duration too long',
    text: '6m',
    read: a => a.duration({ maxMs: 300_000 }),
    error: 'invalid duration "6m", expected at least 0s and at most 5m',
  },
  {
    name: 'bare seconds',
    text: '1x',
    read: a => a.duration({ bareSeconds: true }),
    error: 'invalid duration "1x", expected whole seconds or a duration such as 300ms, 5s or 1m30s',
  },
  {
    name: 'word',
    text: 'fastest',
    read: a => a.oneOf(['random', 'round_robin', 'sequential'], 'policy'),
    error: 'unknown policy "fastest", expected random, round_robin or sequential',
  },
  {
    name: 'word nearly right',
    text: 'randmo',
    read: a => a.oneOf(['random', 'sequential'], 'policy'),
    error: 'unknown policy "randmo" (did you mean "random"?), expected random or sequential',
  },
  { name: 'boolean', text: 'yes', read: a => a.boolean(), error: 'invalid value "yes", expected true or false' },
  {
    name: 'address',
    text: '10.1',
    read: a => a.address(),
    error: 'invalid address "10.1", expected an IPv4 or IPv6 address',
  },
  {
    name: 'host and port',
    text: 'localhost',
    read: a => a.hostPort(),
    error:
      'invalid address "localhost", expected host:port or :port, a port from 0 to 65535 and an IPv6 address in [ ]',
  },
  {
    name: 'zone',
    text: 'a..b',
    read: a => a.zones(),
    error: 'invalid zone "a..b": an empty label, expected a name such as "example.org"',
  },
  {
    name: 'CIDR',
    text: '10.0.0.1',
    read: a => a.cidr(),
    error: 'invalid network "10.0.0.1", expected a CIDR such as 10.0.0.0/8 or 2001:db8::/32',
  },
  {
    name: 'regular expression',
    text: '"a(b"',
    read: a => a.regexp(),
    error: 'invalid regular expression "a(b" (missing closing ): `a(b`), expected RE2 syntax',
  },
  {
    name: 'regular expression too long',
    text: 'a'.repeat(10_001),
    read: a => a.regexp(),
    error: 'regular expression of 10001 characters, expected at most 10000',
  },
]
for (const row of bad) {
  test(`bad: ${row.name}`, () =>
    assert.equal(
      errors(() => row.read(argument(row.text))),
      [`Corefile:2:3: x: ${row.error}`],
    ))
}

test('the cause of a bad pattern is kept', () => {
  try {
    argument('"("').regexp()
    assert.unreachable()
  } catch (error) {
    assert.instance((error as Error).cause, Error)
  }
})

const counts: { name: string; body: string; read: (d: Directive) => unknown; errors: string[] }[] = [
  { name: 'once, used once', body: 'x', read: d => d.once(), errors: [] },
  {
    name: 'once, used twice',
    body: 'x\nx\nx',
    read: d => d.once(),
    errors: ['Corefile:3:1: x: used again, can only be used once per server block, expected only that of Corefile:2'],
  },
  {
    name: 'no arguments',
    body: 'x a b',
    read: d => d.once().noArguments(),
    errors: ['Corefile:2:3: x: surplus argument "a" of "x", expected none'],
  },
  {
    name: 'surplus argument',
    body: 'x a b c',
    read: d => d.once().arguments(1, 2),
    errors: ['Corefile:2:7: x: surplus argument "c" of "x", expected 1 to 2 arguments'],
  },
  {
    name: 'missing argument',
    body: 'x',
    read: d => d.once().argument(),
    errors: ['Corefile:2:1: x: missing argument of "x", found 0, expected 1 argument'],
  },
  {
    name: 'missing second argument',
    body: 'x a',
    read: d => d.once().arguments(2),
    errors: ['Corefile:2:3: x: missing argument of "x", found 1, expected at least 2 arguments'],
  },
  {
    name: 'optional argument',
    body: 'x a b',
    read: d => d.once().optionalArgument(),
    errors: ['Corefile:2:5: x: surplus argument "b" of "x", expected at most 1 argument'],
  },
  {
    name: 'no block',
    body: 'x {\n y\n}',
    read: d => d.once().noBlock(),
    errors: ['Corefile:3:2: x: "x" takes no block, expected the end of the line'],
  },
  {
    name: 'no block, empty',
    body: 'x {\n}',
    read: d => d.once().noBlock(),
    errors: ['Corefile:2:1: x: "x" takes no block, expected the end of the line'],
  },
  {
    name: 'the errors of all occurrences',
    body: 'x a\nx 1\nx b',
    read: d => d.map(occurrence => occurrence.argument().integer(0, 9)),
    errors: [
      'Corefile:2:3: x: invalid number "a", expected a whole number from 0 to 9',
      'Corefile:4:3: x: invalid number "b", expected a whole number from 0 to 9',
    ],
  },
]
for (const row of counts)
  test(row.name, () =>
    assert.equal(
      errors(() => row.read(directive(row.body))),
      row.errors,
    ),
  )

test('each calls handlers in order and collects all errors', () => {
  const seen: string[] = []
  const occurrence = directive('x {\n ttl 5\n max_fials 2\n toString\n ttl x\n keep now\n zone a b\n}').once()
  const note = (property: Property) => void seen.push(property.name.text)
  const found = errors(() =>
    occurrence.each({
      ttl: p => {
        p.argument().integer(0, 9, 'ttl')
        note(p)
      },
      max_fails: note,
      keep: p => p.noArguments(),
      zone: note,
    }),
  )
  assert.equal(seen, ['ttl', 'zone'])
  assert.equal(found, [
    'Corefile:4:2: x: unknown property "max_fials" (did you mean "max_fails"?), expected ttl, max_fails, keep or zone',
    'Corefile:5:2: x: unknown property "toString", expected ttl, max_fails, keep or zone',
    'Corefile:6:6: x: invalid ttl "x", expected a whole number from 0 to 9',
    'Corefile:7:7: x: surplus argument "now" of "keep", expected none',
  ])
})

test('each with other lines and single properties', () => {
  const others: string[] = []
  const occurrence = directive('x {\n 10.0.0.1 a b\n a\n b\n b\n a\n}').once()
  const found = errors(() =>
    occurrence.each({ a: () => {}, b: () => {} }, { other: p => void others.push(p.name.text), once: ['a'] }),
  )
  assert.equal(others, ['10.0.0.1'])
  assert.equal(found, ['Corefile:7:2: x: property "a" stands in line 4 already, expected it once'])
})

test('an error that is no CorefileError passes through', () => {
  const failure = new TypeError('broken plugin')
  try {
    directive('x {\n a\n}')
      .once()
      .each({
        a: () => {
          throw failure
        },
      })
    assert.unreachable()
  } catch (error) {
    assert.is(error, failure)
  }
})

test('fallthrough and zone lists', () => {
  const zones = (line: string) => fallthrough(directive(`x {\n ${line}\n}`).once().properties[0]!)
  assert.equal(zones('fallthrough'), ['.'])
  assert.equal(zones('fallthrough in-addr.arpa IP6.arpa in-addr.arpa.'), ['in-addr.arpa.', 'ip6.arpa.'])
  assert.equal(zoneList(directive('x').once().args, ['a.', 'b.']), ['a.', 'b.'])
})

test.run()
