/** All mistakes of one directive are reported at once: those in its arguments hide none of those in its block. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { plugins } from '../../plugins/index.ts'
import { CorefileErrors } from '../../server/plugin.ts'
import { chainOf } from '../harness/stage.ts'

for (const { body, at } of [
  { body: 'bind nosuch1 nosuch2 {\nexcept nosuch3 nosuch4\nexcpt lo\n}', at: '2:6 2:14 3:8 3:16 4:1' },
  { body: 'errors stderr {\nconsolidate 5 x\nstacktrace on\n}', at: '2:8 3:13 4:12' },
  { body: 'health bad:port {\nlameduck 5\nlamduck 5s\n}', at: '2:8 3:10 4:1' },
  { body: 'hosts /dev/null a..b c..d {\nttl 0\n}', at: '2:17 3:5' },
  { body: 'log a..b c..d {\nclass some\n}', at: '2:5 2:10 3:7' },
  { body: 'prometheus 9153 {\nruntime\n}', at: '2:12 3:1' },
  { body: 'ready 8181 {\nmonitor always\n}', at: '2:7 3:9' },
  { body: 'reload 1s 10ms', at: '2:8 2:11' },
]) {
  test(body.replaceAll('\n', ' '), () => {
    try {
      chainOf([...plugins], body)
    } catch (error) {
      if (!(error instanceof CorefileErrors)) throw error
      assert.is(error.errors.map(({ line, column }) => `${line}:${column}`).join(' '), at)
      return
    }
    assert.unreachable('it was set up')
  })
}

test.run()
