/** For tests of stages: a context in which nothing happens by itself. */
import { NEVER } from 'rxjs'
import type { StageContext } from '../../stages/stage.js'

/** All but the clock and the state. */
export const quietContext: Omit<StageContext, 'clock' | 'state'> = {
  random: () => 0,
  scopes: () => [],
  takeChanges: () => [],
  share: () => 1,
  revoked: NEVER,
  release: () => undefined,
}
