/** Lag: who is behind, by how much, and when it will have caught up. */
import { metricList as metrics } from '../../pipeline/observe/metrics/list.js'
import { type Board, variable } from '../board.js'
import { barGauge, most, stat, timeSeries } from '../panels.js'
import { chosen, grown, max, moved, of, quantile, sum } from '../promql.js'

const stage = { stage: chosen('stage') }
const place = { ...stage, lane: chosen('lane') }
const partition = ['cluster_name', 'stage', 'topic', 'lane', 'partition']

/** What is written to the topics that a stage reads. The ends of partitions know no stage: the lag beside them does. */
const written = sum(
  ['stage'],
  `${max(['cluster_name', 'topic', 'partition'], moved(of(metrics.latestOffset)))} * on (cluster_name, topic, partition) group_right () (0 * ${max(partition, of(metrics.groupLag, place))} + 1)`,
)

/** Time lag that deserves a look, and one that breaks the objective of bulk. */
const seconds = most(60, 300)

export const lag: Board = {
  uid: 'carillon-lag',
  title: 'Lag',
  description:
    'How far each stage is behind, told by a process that runs none of them. Lag in seconds is the age of the oldest record that a stage has not settled: it says what users feel. Lag in records says how much work there is.',
  variables: [
    variable('job', 'Job', { ...metrics.build, labels: ['job'] }),
    variable('stage', 'Stage', metrics.groupMaxLag),
    variable('lane', 'Lane', metrics.groupLag),
  ],
  rows: [
    {
      title: 'Who is behind',
      panels: [
        timeSeries({
          title: 'How old is the oldest record that each stage has not settled?',
          description:
            'Near zero while all is well; deliveries that wait for their time do not count. A line that climbs by a second each second belongs to a stage that settles nothing: look at its log and at Runtime. One that stays level keeps up, but late: give the stage more processes.',
          unit: 's',
          queries: [{ expr: max(['stage'], of(metrics.groupMaxLagSeconds, stage)), legend: '{{stage}}' }],
          steps: seconds,
        }),
        timeSeries({
          title: 'How many records has each stage not settled?',
          description:
            'A sum over lanes and partitions. A saw of some thousand under load is the batches; what counts is whether it comes down. On Kafka marks of transactions between records count as records; where nothing waits it is 0.',
          unit: 'short',
          queries: [{ expr: max(['stage'], of(metrics.groupSumLag, stage)), legend: '{{stage}}' }],
        }),
        barGauge({
          title: 'Which lane of which stage waits?',
          description:
            'Records now, by stage, topic and lane. Low lanes may wait while high ones do not: they are served after them. A high lane that waits beside an idle low one is a fault.',
          unit: 'short',
          queries: [
            {
              expr: `topk(20, ${max(['stage', 'topic', 'lane'], of(metrics.topicSumLag, place))})`,
              legend: '{{stage}} {{lane}} ({{topic}})',
            },
          ],
        }),
        timeSeries({
          title: 'Is it one partition?',
          description:
            'The twenty largest. One partition alone: a recipient with very many messages, or a process that hangs on what it owns. All partitions alike: the stage as a whole is too slow.',
          unit: 'short',
          queries: [
            {
              expr: `topk(20, ${max(['stage', 'lane', 'topic', 'partition'], of(metrics.groupLag, place))})`,
              legend: '{{stage}} {{topic}}/{{partition}}',
            },
          ],
        }),
        timeSeries({
          title: 'How old is the oldest record by lane?',
          description:
            'The age by stage and lane. High must stay under 10 s and low under 300 s for the objectives to hold, all stages together.',
          unit: 's',
          queries: [{ expr: max(['stage', 'lane'], of(metrics.groupLagSeconds, place)), legend: '{{stage}} {{lane}}' }],
          steps: seconds,
        }),
      ],
    },
    {
      title: 'Does it catch up?',
      panels: [
        timeSeries({
          title: 'Does each stage settle as much as comes in?',
          description:
            'Where the line of what comes in lies above that of what is settled, lag grows by the difference. On Kafka both count the marks of transactions, too, so compare them with each other and not with the rates of notifications.',
          unit: 'cps',
          queries: [
            { expr: written, legend: '{{stage}} in' },
            {
              expr: sum(['stage'], max(partition, moved(of(metrics.groupOffset, place)))),
              legend: '{{stage}} settled',
            },
          ],
        }),
        timeSeries({
          title: 'When will nothing wait any more?',
          description:
            'An estimate from how fast the lag shrinks now. ∞ (no line) while it grows or stands still, 0 where nothing waits. Longer than people can wait: more processes for that stage, or less load.',
          unit: 's',
          queries: [{ expr: max(['stage'], of(metrics.drainSeconds, stage)), legend: '{{stage}}' }],
        }),
        timeSeries({
          title: 'How near is the log to dropping what was not read?',
          description:
            'The age of the oldest unsettled record as a part of how long the log keeps it. At 100 % records are lost. Above half: raise kafka.retentionHours now, then see why the stage is behind.',
          unit: 'percentunit',
          max: 1,
          queries: [{ expr: max(['stage', 'lane'], of(metrics.retentionUsed, place)), legend: '{{stage}} {{lane}}' }],
          steps: most(0.5, 0.8),
        }),
        stat({
          title: 'Were records lost to retention?',
          description:
            'Records that the log dropped by age before their stage settled them. Anything but 0 is a loss: raise kafka.retentionHours, and ask the upstream to send them again.',
          unit: 'short',
          width: 12,
          height: 8,
          queries: [{ expr: max(['stage'], of(metrics.lostRecords, place)), legend: '{{stage}}', needs: 'kafka' }],
          steps: most(1, 1),
        }),
      ],
    },
    {
      title: 'Groups',
      panels: [
        timeSeries({
          title: 'How many processes does each stage’s group have?',
          description:
            'Fewer than you run: one has died, or cannot reach Kafka. More than partitions: the others stand idle. A stage with none does nothing at all.',
          unit: 'short',
          queries: [{ expr: max(['stage'], of(metrics.members, stage)), legend: '{{stage}}' }],
          steps: [
            { from: null, color: 'red' },
            { from: 1, color: 'green' },
          ],
        }),
        timeSeries({
          title: 'How often do partitions change their owner?',
          description:
            'Changes within an hour. Some come with each start and stop of a process. A steady trickle is a process that the group takes for dead again and again: look at its event loop in Runtime, and at kafka.sessionTimeoutMs.',
          unit: 'short',
          queries: [
            {
              expr: sum(['stage'], grown(of(metrics.rebalances, stage), '1h')),
              legend: '{{stage}}',
              needs: 'kafka',
            },
          ],
        }),
        timeSeries({
          title: 'How are partitions shared?',
          description: 'Partitions by stage and process. Even shares are right; a process with none stands by.',
          unit: 'short',
          queries: [
            { expr: sum(['stage', 'instance'], of(metrics.partitions, stage)), legend: '{{stage}} {{instance}}' },
          ],
        }),
        timeSeries({
          title: 'How much has each stage in hand?',
          description:
            'Records read and not settled, at most some hundred for each process. At its bound while the input waits: the stage is busy, or what it calls is slow. Zero while the input waits: it does not run.',
          unit: 'short',
          queries: [{ expr: sum(['stage'], of(metrics.inFlight, stage)), legend: '{{stage}}' }],
        }),
      ],
    },
    {
      title: 'Is this page itself right?',
      panels: [
        timeSeries({
          title: 'How long ago was lag looked at?',
          description:
            'Seconds since the last round that succeeded. When it grows, nothing on this page but the processes’ own figures is current: look at the log of carillon lag-exporter.',
          unit: 's',
          width: 8,
          queries: [{ expr: `time() - ${max([], `${of(metrics.lagRoundTime)} > 0`)}`, legend: 'since the last round' }],
          steps: most(60, 120),
        }),
        timeSeries({
          title: 'How long does a look take?',
          description: 'Of one round over all groups. Under 2 s for a thousand partitions; more means a slow broker.',
          unit: 's',
          width: 8,
          queries: [
            { expr: quantile(0.5, [], metrics.lagRoundSeconds), legend: 'half of them' },
            { expr: quantile(0.99, [], metrics.lagRoundSeconds), legend: '99 %' },
          ],
          steps: most(2, 10),
        }),
        timeSeries({
          title: 'Did looks fail?',
          description:
            'Rounds of an hour that told nothing: Kafka did not answer. Their reasons are in the exporter’s log.',
          unit: 'short',
          width: 8,
          queries: [{ expr: sum([], grown(of(metrics.lagRoundFailures), '1h')), legend: 'failed', needs: 'kafka' }],
        }),
      ],
    },
  ],
}
