/** What threads beside the main one run: an entry of its own, so that they load no more than they need. */
import { plugins } from '../plugins/index.ts'
import { runThread } from './control/threads/inner.ts'

runThread(plugins)
