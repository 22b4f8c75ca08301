import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { surplusCapabilities } from '../../../server/control/privileges.ts'

const test = suite('privileges')

const ROWS = [
  { name: 'none', status: 'CapPrm:\t0000000000000400\nCapEff:\t0000000000000000\n', surplus: 0 },
  { name: 'NET_BIND_SERVICE', status: 'CapEff:\t0000000000000400\n', surplus: 0 },
  { name: 'all 41', status: 'CapInh:\t0000000000000000\nCapEff:\t000001ffffffffff\n', surplus: 40 },
  { name: 'one that is not needed', status: 'CapEff:\t0000000000001400\n', surplus: 1 },
  { name: 'all but NET_BIND_SERVICE', status: 'CapEff:\t000001fffffffbff\n', surplus: 40 },
  { name: 'another system', status: 'Name:\tsextant\n', surplus: 0 },
]

for (const { name, status, surplus } of ROWS) {
  test(`${name}: ${surplus} too many`, () => assert.is(surplusCapabilities(status), surplus))
}

test.run()
