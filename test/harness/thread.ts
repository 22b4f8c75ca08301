/** What the threads of tests run: all plugins, and `havoc`, whose queries say what is to become of their thread. */
import { plugins } from '../../plugins/index.ts'
import { runThread } from '../../server/control/threads/inner.ts'
import { havoc } from './havoc.ts'

runThread([...plugins, havoc])
