import { equal, ok, throws } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import { stripped } from '../../k8s/image/elf.ts'
import { temporaryFolder } from '../harness/server.ts'

const node = readFileSync(process.execPath)

test('a Node without symbols runs, and is a fifth smaller', () => {
  const folder = temporaryFolder()
  try {
    const less = stripped(node)
    ok(less.length < node.length * 0.85, `${less.length} of ${node.length} octets`)
    const file = `${folder.path}/node`
    writeFileSync(file, less, { mode: 0o755 })
    equal(execFileSync(file, ['-p', '6*7'], { encoding: 'utf8' }), '42\n')
  } finally {
    folder.remove()
  }
})

test('twice is once', () => {
  const once = stripped(node)
  ok(stripped(once).equals(once))
})

for (const { name, file, message } of [
  { name: 'text', file: Buffer.from('#!/bin/sh\n'.repeat(10)), message: /not a 64-bit/ },
  { name: 'nothing', file: Buffer.alloc(0), message: /not a 64-bit/ },
  { name: 'half a file', file: node.subarray(0, 1_000_000), message: /breaks off: 1000000 octets, expected \d+/ },
]) {
  test(`${name} is an error that says so`, () => throws(() => stripped(file), message))
}

test.run()
