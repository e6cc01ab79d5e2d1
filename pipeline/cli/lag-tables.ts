/** Lag for a person. */
import type { ToldPartition, ToldStage } from './lag-sources.js'

type Row = readonly string[]

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** A row for each stage; columns that nobody tells anything of are left out. */
export function stageTable(stages: readonly ToldStage[]): readonly Row[] {
  const columns: readonly (readonly [heading: string, cell: (stage: ToldStage) => string])[] = [
    ['STAGE', ({ stage }) => stage],
    ['STATE', ({ state }) => state ?? ''],
    ['MEMBERS', ({ behind }) => textOf(behind?.members)],
    ['WAITING', ({ lag }) => String(sum(Object.values(lag)))],
    ['BY LANE', lanesText],
    ['OLDEST', ({ behind }) => (behind ? durationText(behind.ageMs) : '')],
    ['DRAINED IN', ({ behind }) => (behind ? drainText(behind.drainMs) : '')],
    ['RETENTION', ({ behind }) => (behind ? shareText(behind.retentionUsed) : '')],
    ['LOST', ({ behind }) => (behind && behind.lost > 0 ? String(behind.lost) : '')],
    ['PER SECOND', ({ perSecond }) => (typeof perSecond === 'number' ? perSecond.toFixed(1) : '')],
    ['PARKED', ({ parked }) => textOf(parked)],
    ['RESTARTS', ({ restarts }) => textOf(restarts)],
  ]
  const told = columns.filter(([heading, cell]) => heading === 'STAGE' || stages.some((stage) => cell(stage) !== ''))
  return [told.map(([heading]) => heading), ...stages.map((stage) => told.map(([, cell]) => cell(stage)))]
}

/** A row for each partition where something waits or was lost, the oldest first. */
export function partitionTable(partitions: readonly ToldPartition[]): readonly Row[] {
  const shown = partitions.filter(({ waiting, lost }) => waiting > 0 || lost > 0)
  const byAge = [...shown].sort((a, b) => (b.ageMs ?? 0) - (a.ageMs ?? 0) || b.waiting - a.waiting)
  return [
    ['STAGE', 'TOPIC', 'PARTITION', 'COMMITTED', 'END', 'WAITING', 'OLDEST', 'LOST'],
    ...byAge.map(({ stage, topic, partition, committed, end, waiting, ageMs, lost }) => [
      ...[stage, topic, String(partition), textOf(committed), String(end), String(waiting)],
      ...[durationText(ageMs), lost > 0 ? String(lost) : ''],
    ]),
  ]
}

/** `3.4 s`, `5 min 12 s`, `2 h 3 min`, `3 d 4 h`; `?` for what is not known. */
export function durationText(ms: number | null): string {
  if (ms === null) return '?'
  if (ms < minute) return ms === 0 ? '0 s' : `${(ms / second).toFixed(1)} s`
  const [large, largeName, small, smallName] =
    ms < hour ? [minute, 'min', second, 's'] : ms < day ? [hour, 'h', minute, 'min'] : [day, 'd', hour, 'h']
  return `${Math.floor(ms / large)} ${largeName} ${Math.floor((ms % large) / small)} ${smallName}`
}

function drainText(drainMs: number | 'never' | null): string {
  return drainMs === 'never' ? 'never' : durationText(drainMs)
}

function shareText(share: number | null): string {
  if (share === null) return '?'
  return share > 0 && share < 0.001 ? '<0.1 %' : `${(share * 100).toFixed(1)} %`
}

/** Only lanes where something waits, where there are many. */
function lanesText({ lag }: ToldStage): string {
  return Object.entries(lag)
    .map(([lane, records]) => `${lane} ${records}`)
    .join(', ')
}

function textOf(value: number | null | undefined): string {
  return value === undefined || value === null ? '' : String(value)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
