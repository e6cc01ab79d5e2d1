/** Runtime: the processes, the stages in them, and what they stand on. */
import { metricList as metrics } from '../../pipeline/observe/metrics/list.js'
import { type Board, variable } from '../board.js'
import { kafkaClient, mongodb, sqlite } from './runtime-beneath.js'
import { processes, scrape } from './runtime-processes.js'
import { restores, stages } from './runtime-stages.js'

export const runtime: Board = {
  uid: 'carillon-runtime',
  title: 'Runtime',
  description:
    'Node in each process and thread, the commits and restarts of each stage, SQLite, MongoDB and Kafka’s client beneath them, and the scrape itself.',
  variables: [
    variable('job', 'Job', { ...metrics.build, labels: ['job'] }),
    variable('instance', 'Process', { ...metrics.build, labels: ['instance'] }),
    variable('stage', 'Stage', metrics.running),
  ],
  rows: [
    { title: 'Processes', panels: processes },
    { title: 'Stages', panels: stages },
    { title: 'State', panels: restores },
    { title: 'SQLite', panels: sqlite },
    { title: 'MongoDB', panels: mongodb },
    { title: 'Kafka’s client', panels: kafkaClient },
    { title: 'What watches', panels: scrape },
  ],
}
