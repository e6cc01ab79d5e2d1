/** Delivery: how fast messages reach people, what providers do, and what waits. */

import { metricList as metrics } from '../../pipeline/observe/metrics/list.js'
import { type Board, variable } from '../board.js'
import { ends, objectives } from './delivery-ends.js'
import { providers } from './delivery-providers.js'
import { waiting } from './delivery-waiting.js'

export const delivery: Board = {
  uid: 'carillon-delivery',
  title: 'Delivery',
  description:
    'From acceptance to the end of each delivery: how long it takes, how the providers answer, what is tried again, and what is held back and why.',
  variables: [
    variable('job', 'Job', { ...metrics.build, labels: ['job'] }),
    variable('channel', 'Channel', metrics.providerSeconds),
    variable('provider', 'Provider', metrics.providerSeconds),
    variable('priority', 'Priority', metrics.acceptedToRecordedSeconds),
  ],
  rows: [
    { title: 'How long it takes', panels: objectives },
    { title: 'How it ends', panels: ends },
    { title: 'Providers', panels: providers },
    { title: 'What waits', panels: waiting },
  ],
}
