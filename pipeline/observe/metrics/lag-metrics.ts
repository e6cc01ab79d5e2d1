/** How far stages are behind. */
import { calls, counter, gauge, histogram } from './metric.js'

const place = ['cluster_name', 'group', 'stage', 'topic', 'lane', 'partition'] as const

/** How far stages are behind, told by a process that runs none of them (embedded: by the HTTP thread). `group` and `topic`
 *  are the log's own names; a group is a stage's. */
export const lagMetrics = {
  groupOffset: gauge('kafka_consumergroup_group_offset', 'records', place, 'The first offset not settled.'),
  groupLag: gauge('kafka_consumergroup_group_lag', 'records', place, 'Records not settled.'),
  groupLagSeconds: gauge(
    'kafka_consumergroup_group_lag_seconds',
    'seconds',
    place,
    'Age of the oldest record not settled; 0 where there is none.',
  ),
  latestOffset: gauge(
    'kafka_partition_latest_offset',
    'records',
    ['cluster_name', 'topic', 'partition'],
    'Where the partition ends.',
  ),
  groupMaxLag: gauge(
    'kafka_consumergroup_group_max_lag',
    'records',
    ['cluster_name', 'group', 'stage'],
    'The largest lag of a partition.',
  ),
  groupMaxLagSeconds: gauge(
    'kafka_consumergroup_group_max_lag_seconds',
    'seconds',
    ['cluster_name', 'group', 'stage'],
    'The age of the oldest record that the stage has not settled.',
  ),
  groupSumLag: gauge(
    'kafka_consumergroup_group_sum_lag',
    'records',
    ['cluster_name', 'group', 'stage'],
    'Records that the stage has not settled.',
  ),
  topicSumLag: gauge(
    'kafka_consumergroup_group_topic_sum_lag',
    'records',
    ['cluster_name', 'group', 'stage', 'topic', 'lane'],
    'Records of a topic that the stage has not settled.',
  ),
  drainSeconds: gauge(
    'carillon_lag_drain_seconds',
    'seconds',
    ['stage'],
    'Until nothing waits, as the lag shrinks now; infinite where it does not.',
  ),
  retentionUsed: gauge(
    'carillon_lag_retention_used_ratio',
    'ratio',
    ['stage', 'lane'],
    'Age of the oldest record not settled, as a part of how long the log keeps it. At 1 records are lost.',
  ),
  lostRecords: gauge(
    'carillon_lag_lost_records',
    'records',
    ['stage', 'lane'],
    'Records that the log has dropped by age before the stage settled them.',
  ),
  members: gauge('carillon_group_members', 'count', ['stage'], 'Processes that are in the stage’s group now.'),
  lagRoundSeconds: histogram(
    'carillon_lag_round_duration_seconds',
    'seconds',
    calls,
    [],
    'Time of one round of looking at every group.',
  ),
  lagRoundFailures: counter('carillon_lag_round_failures_total', 'count', [], 'Rounds that told nothing.'),
  lagRoundTime: gauge(
    'carillon_lag_last_round_timestamp_seconds',
    'timestamp',
    [],
    'When the last round succeeded, in seconds since the epoch.',
  ),
} as const
