/** The process: command line, start, signals, end. It is a bundle of its own, run by the Node that runs the tests. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VERSION } from '../server/version.ts'
import { freePort } from './harness/free-port.ts'
import { query, replyText } from './harness/message.ts'
import { Child, run } from './harness/process.ts'
import {
  END_MS,
  env,
  main,
  makeBundle,
  node,
  removeBundle,
  root,
  START_MS,
  scene,
  sextant,
  WHOAMI,
} from './harness/scene.ts'
import { exchangeUdp } from './harness/server.ts'

const test = suite('main')
test.before(makeBundle)
test.after(removeBundle)

test('-version', async () => {
  assert.equal(await sextant('-version'), { code: 0, stdout: `Sextant-${VERSION}\n`, stderr: '' })
})

test('-plugins lists them in the order of the chain', async () => {
  const { code, stdout } = await sextant('--plugins')
  assert.is(code, 0)
  assert.match(
    stdout,
    /^metadata\nhttps\ntimeouts\nmultisocket\nreload\nnsid\nbufsize\nbind\ndebug\nready\nhealth\n(.*\n)*forward\nwhoami\n$/,
  )
})

test('an unknown flag is an error with the usage', async () => {
  const { code, stdout, stderr } = await sextant('-cnf', 'x')
  assert.is(code, 1)
  assert.is(stdout, '')
  assert.match(
    stderr,
    /^sextant: unknown flag "-cnf" \(did you mean "conf"\?\), expected one of those below\nUsage: sextant /,
  )
})

const FAILURES: { name: string; corefile?: string; args?: string[]; says: RegExp }[] = [
  {
    name: 'a missing file',
    args: ['-conf', '/nonexistent/Corefile'],
    says: /^sextant: Corefile "\/nonexistent\/Corefile" does not exist, expected a readable file\n$/,
  },
  {
    name: 'a folder',
    args: ['-conf', '/'],
    says: /^sextant: Corefile "\/" is a directory, expected a readable file\n$/,
  },
  { name: 'an empty file', corefile: '', says: /Corefile" is empty, expected a server block\n$/ },
  {
    name: 'an address of another machine',
    corefile: '. {\nbind 192.0.2.1\n}',
    says: /^sextant: cannot listen on udp "192\.0\.2\.1:0": no interface has this address, expected one of this machine\n$/,
  },
  {
    name: 'a mistake',
    corefile: '. {\nwhoam\n}',
    says: /^sextant: .*Corefile:2:1: unknown directive "whoam" \(did you mean "whoami"\?\)/,
  },
]

for (const { name, corefile, args = [], says } of FAILURES) {
  test(`${name} ends the start with one clear text`, async () => {
    await scene(async ({ folder }) => {
      const conf = corefile === undefined ? [] : ['-conf', folder.write('Corefile', corefile)]
      const { code, stderr } = await sextant('-dns.port', '0', ...conf, ...args)
      assert.is(code, 1)
      assert.match(stderr, says)
    })
  })
}

test('a busy port ends the start, also if another Sextant has it', async () => {
  await scene(async ({ folder, start }) => {
    const { port } = await start(WHOAMI)
    const file = folder.write('Other', WHOAMI)
    const { code, stderr } = await sextant('-conf', file, '-p', String(port))
    assert.is(code, 1)
    assert.is(stderr, `sextant: cannot listen on udp "127.0.0.1:${port}": the port is in use, expected a free one\n`)
  })
})

for (const udp of ['batch', 'dgram']) {
  test(`${udp}: every address and one of them on a port, and all of it busy for another Sextant`, async () => {
    const variables = { SEXTANT_UDP: udp }
    const both = (port: number) => `.:${port} {\nerrors\n}\nexample.org:${port} {\nbind 127.0.0.1\nwhoami\n}\n`
    await scene(
      async ({ folder, start }) => {
        const { port } = await start(both(await freePort()))
        assert.match(replyText(await exchangeUdp(query('example.org.'), port)), /^NOERROR aa rd\n/)
        for (const text of [both(port), `.:${port} {\nbind 127.0.0.1\n}`, `.:${port} {\nbind 127.0.0.2\n}`]) {
          const file = folder.write('Other', text)
          const { code, stderr } = await run(node, [main, '-conf', file], { ...env, ...variables }, START_MS)
          assert.is(code, 1)
          assert.match(stderr, /^sextant: cannot listen on udp "[^"]*": the port is in use, expected a free one\n$/)
        }
      },
      { variables },
    )
  })
}

test('check prints every finding and opens nothing', async () => {
  const busy = createServer().listen(0, '127.0.0.1')
  await once(busy, 'listening')
  const { port } = busy.address() as AddressInfo
  await scene(async ({ folder }) => {
    const good = folder.write('good', `.:${port} {\nbind 127.0.0.1\nhealth 127.0.0.1:${port}\nwhoami\n}`)
    assert.equal(await sextant('check', good), { code: 0, stdout: `${good}: ok\n`, stderr: '' })
    const bad = folder.write('bad', '. {\n    reload 1s\n    whoami me\n}\n')
    const { code, stdout, stderr } = await sextant('check', bad)
    assert.is(code, 1)
    assert.is(stdout, '')
    assert.is(
      stderr,
      [
        `${bad}:2:12: reload: invalid interval "1s", expected at least 2s`,
        '    reload 1s',
        '           ^^',
        `${bad}:3:12: whoami: surplus argument "me" of "whoami", expected none`,
        '    whoami me',
        '           ^^',
        '',
      ].join('\n'),
    )
  })
  busy.close()
})

test('serves, says so, holds its own pid in the pid file, and leaves on SIGINT', async () => {
  await scene(async ({ folder, start }) => {
    const pidFile = `${folder.path}/pid`
    const child = await start(WHOAMI, '-pidfile', pidFile)
    assert.is(child.lines[0], `.:${child.port} on 127.0.0.1`)
    assert.is(child.lines[1], `Sextant-${VERSION}`)
    assert.is(readFileSync(pidFile, 'utf8'), `${child.pid}\n`)
    assert.match(replyText(await exchangeUdp(query('a.'), child.port)), /^NOERROR aa rd\n/)
    assert.equal(await child.stop('SIGINT', END_MS), { code: 0, signal: null })
    assert.not.ok(existsSync(pidFile))
  })
})

test('a pid file that cannot be written is logged, and all else goes on', async () => {
  await scene(async ({ start }) => {
    const child = await start(WHOAMI, '-pidfile', '/nonexistent/pid')
    await child.line(/^\[ERROR\] pid file "\/nonexistent\/pid" cannot be written: ENOENT/, START_MS)
    assert.match(replyText(await exchangeUdp(query('a.'), child.port)), /^NOERROR aa rd\n/)
    assert.equal(await child.stop('SIGINT', END_MS), { code: 0, signal: null })
  })
})

test('-quiet prints nothing, -log-format json objects', async () => {
  await scene(async ({ start }) => {
    const child = await start(WHOAMI, '-log-format', 'json')
    const messages = child.lines.map(line => JSON.parse(line)).map(({ level, msg }) => ({ level, msg }))
    assert.equal(messages[0], { level: 'INFO', msg: `.:${child.port} on 127.0.0.1` })
    assert.ok(messages.some(({ msg }) => msg.startsWith(`Sextant-${VERSION}`)))
  })
  const pipe = spawn(node, [main, '-conf', 'stdin', '-dns.port', '0', '-quiet'], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let printed = ''
  pipe.stdout.on('data', text => {
    printed += text
  })
  pipe.stdin.end('. {\nbind 127.0.0.1\nreload\n}')
  await once(pipe.stdout, 'data', { signal: AbortSignal.timeout(START_MS) })
  pipe.kill('SIGQUIT')
  await once(pipe, 'close')
  assert.match(printed, /^\[INFO\] plugin\/reload: Running configuration SHA512 = [0-9a-f]{128}\n$/)
})

test('without a Corefile the default serves, and its three questions have answers', async () => {
  await scene(async ({ folder }) => {
    const command = ['-c', 'cd "$0" && exec "$1"', folder.path, `${root}/bin/sextant`]
    const child = new Child('sextant', 'sh', command, env)
    try {
      await child.line(/^\[WARN\] no -conf and no \.\/Corefile: serving the default ".*\/Corefile"$/, START_MS)
      await child.line(/^ {2}dig .* -x /, START_MS)
      const questions = child.lines.filter(line => line.startsWith('  dig ')).map(line => line.trim().split(' '))
      assert.is(questions.length, 3)
      for (const [, , , port, ...words] of questions) {
        const [name = '', type = 'A'] = words[0] === '-x' ? [reverse(words[1]!), 'PTR'] : words.toReversed()
        assert.match(
          replyText(await exchangeUdp(query(`${name}.`, { type }), Number(port))),
          /^NOERROR aa .*\n;; ANSWER\n/,
        )
      }
    } finally {
      await child.stop('SIGQUIT')
    }
  })
})

function reverse(address: string): string {
  return `${address.split('.').reverse().join('.')}.in-addr.arpa`
}

test('the script starts the bundle through a symbolic link, and stays the same process', async () => {
  await scene(async ({ folder }) => {
    symlinkSync(`${root}/bin/sextant`, `${folder.path}/sextant`)
    const file = folder.write('Corefile', WHOAMI)
    const pidFile = `${folder.path}/pid`
    const child = new Child('sextant', `${folder.path}/sextant`, ['-conf', file, '-p', '0', '-pidfile', pidFile], env)
    try {
      await child.line(/^linux\//, START_MS)
      assert.is(readFileSync(pidFile, 'utf8'), `${child.pid}\n`)
    } finally {
      await child.stop('SIGQUIT')
    }
  })
})

test('the script needs no other command', async () => {
  const { code, stdout } = await run(`${root}/bin/sextant`, ['-version'], { PATH: '' })
  assert.is(`${code} ${stdout}`, `0 Sextant-${VERSION}\n`)
})

test('the script refuses another version of Node with one line', async () => {
  await scene(async ({ folder }) => {
    mkdirSync(`${folder.path}/bin`)
    copyFileSync(`${root}/bin/sextant`, `${folder.path}/bin/sextant`)
    writeFileSync(`${folder.path}/node`, '#!/bin/sh\necho v20.1.0\n', { mode: 0o755 })
    const { code, stdout, stderr } = await run(`${folder.path}/bin/sextant`, [], {
      PATH: `${folder.path}:/usr/bin:/bin`,
    })
    assert.is(code, 1)
    assert.is(stdout, '')
    assert.match(stderr, /^sextant: found Node\.js v20\.1\.0, expected version 26: run npm ci in [^\n]+\n$/)
  })
})

test('the server refuses another version of Node with one line', async () => {
  const pretend = 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"20.1.0"})'
  const { code, stderr } = await run(node, ['--import', pretend, main], env)
  assert.is(code, 1)
  assert.match(stderr, /^sextant: found Node\.js v20\.1\.0, expected version 26: [^\n]+\n$/)
})

test('ends when the npm that started it is killed', async () => {
  await scene(async ({ folder }) => {
    const file = folder.write('Corefile', WHOAMI)
    const pidFile = `${folder.path}/pid`
    const command = `"${node}" "${main}" -conf "${file}" -p 0 -pidfile "${pidFile}"; true`
    const script = `require('child_process').spawn('sh', ['-c', process.argv[1]], { stdio: 'inherit' })`
    const npm = new Child('npm', node, ['-e', script, command], { ...env, npm_command: 'exec' })
    await npm.line(/^linux\//, START_MS)
    assert.ok(existsSync(pidFile))
    npm.signal('SIGKILL')
    const deadlineMs = performance.now() + END_MS
    while (existsSync(pidFile) && performance.now() < deadlineMs) await new Promise(resolve => setTimeout(resolve, 20))
    assert.not.ok(existsSync(pidFile))
  })
})

test.run()
