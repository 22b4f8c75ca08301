/** What the threads of tests run: all plugins, and `chaos`, whose queries say what is to become of their thread. */
import { plugins } from '../../plugins/index.ts'
import { runThread } from '../../server/control/threads/inner.ts'
import { chaos } from './chaos.ts'

runThread([...plugins, chaos])
