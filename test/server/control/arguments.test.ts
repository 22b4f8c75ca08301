import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ArgumentError, type Arguments, parseArguments } from '../../../server/control/arguments.ts'

const test = suite('arguments')

const DEFAULTS: Arguments = {
  command: 'serve',
  corefile: undefined,
  port: 53,
  pidFile: undefined,
  quiet: false,
  logFormat: 'text',
}

const GOOD: { name: string; line: string; gives: Partial<Arguments> }[] = [
  { name: 'nothing', line: '', gives: {} },
  { name: 'one dash and a blank', line: '-conf F -dns.port 1053', gives: { corefile: 'F', port: 1053 } },
  { name: 'one dash and an equals sign', line: '-conf=F -p=1053', gives: { corefile: 'F', port: 1053 } },
  { name: 'two dashes', line: '--conf F --pidfile=/run/x', gives: { corefile: 'F', pidFile: '/run/x' } },
  { name: 'an equals sign in a value', line: '-conf=a=b', gives: { corefile: 'a=b' } },
  { name: 'a boolean alone', line: '-quiet -conf F', gives: { quiet: true, corefile: 'F' } },
  { name: 'a boolean with a value', line: '-quiet=false', gives: { quiet: false } },
  { name: 'the last of several', line: '-p 1 -dns.port 2', gives: { port: 2 } },
  { name: 'standard input', line: '-conf stdin', gives: { corefile: 'stdin' } },
  { name: 'json', line: '-log-format json', gives: { logFormat: 'json' } },
  { name: 'version', line: '-version', gives: { command: 'version' } },
  { name: 'plugins', line: '--plugins', gives: { command: 'plugins' } },
  { name: 'help', line: '-h', gives: { command: 'help' } },
  { name: 'check', line: 'check', gives: { command: 'check' } },
  { name: 'check of a file', line: 'check F', gives: { command: 'check', corefile: 'F' } },
  {
    name: 'check with flags around',
    line: '-p 9 check F -log-format json',
    gives: { command: 'check', corefile: 'F', port: 9, logFormat: 'json' },
  },
  { name: 'nothing after two dashes', line: '-quiet --', gives: { quiet: true } },
]

for (const { name, line, gives } of GOOD) {
  test(name, () => {
    assert.equal(parseArguments(line.split(' ').filter(word => word !== '')), { ...DEFAULTS, ...gives })
  })
}

const BAD: { name: string; line: string; says: string }[] = [
  {
    name: 'an unknown flag',
    line: '-cnf F',
    says: 'unknown flag "-cnf" (did you mean "conf"?), expected one of those below',
  },
  { name: 'an argument', line: 'Corefile', says: 'surplus argument "Corefile", expected flags only' },
  { name: 'an argument after a boolean', line: '-quiet false', says: 'surplus argument "false", expected flags only' },
  {
    name: 'a near miss of the command',
    line: 'chek',
    says: 'surplus argument "chek" (did you mean "check"?), expected flags only',
  },
  { name: 'two files to check', line: 'check a b', says: 'surplus argument "b", expected one file' },
  { name: 'a flag without its value', line: '-conf', says: 'flag -conf without a value, expected one' },
  { name: 'three dashes', line: '---conf F', says: 'malformed flag "---conf", expected -name or -name=value' },
  { name: 'a port that is none', line: '-p dns', says: 'invalid port "dns", expected a number from 0 to 65535' },
  { name: 'a port too high', line: '-p 65536', says: 'invalid port "65536", expected a number from 0 to 65535' },
  {
    name: 'a boolean that is none',
    line: '-quiet=maybe',
    says: 'invalid value "maybe" of -quiet, expected true or false',
  },
  { name: 'a log format', line: '-log-format xml', says: 'unknown log format "xml", expected text or json' },
]

for (const { name, line, says } of BAD) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => parseArguments(line.split(' ')),
      (error: unknown) => error instanceof ArgumentError && assert.is(error.message, says) === undefined,
    )
  })
}

test.run()
