/** What goes wrong while there is load, one after the other, with quiet between. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { StageName } from '../../../stages/stage.js'
import type { BrokerUnderTest } from '../../logs/kafka/broker-under-test.js'
import type { Topic } from '../../stores/mongodb/way-under-test.js'
import type { Processes } from './processes.js'
import type { LoadProvider } from './provider.js'
import { dropRecords } from './retention.js'

export interface Scene {
  readonly processes: Processes
  /** `pid`: of its process; null where the system does not tell. */
  readonly broker: BrokerUnderTest & { readonly pid: number | null }
  /** Of Carillon's topics. */
  readonly names: { readonly prefix: string; readonly partitions: number }
  readonly provider: LoadProvider
  /** The way to the database; null where there is none. */
  readonly store: Topic | null
  readonly tell: (what: string) => void
}

/** Stages that keep state. */
export const joining: readonly StageName[] = ['dedupe', 'throttle', 'deliver']
const killed: StageName = 'route'
const quietMs = 15_000
const awayMs = 4000
const timesAway = 3
const killedMs = 6000
/** Longer than a client waits for an answer. */
const stuckMs = 16_000

export async function trouble(scene: Scene): Promise<void> {
  await illProvider(scene)
  await comingAndGoing(scene)
  await deadStage(scene)
  await databaseAway(scene)
  await brokerStuck(scene)
  scene.tell('the broker is started again')
  await scene.broker.restart('SIGTERM')
  await sleep(2 * quietMs)
}

async function illProvider({ provider, tell }: Scene): Promise<void> {
  tell('a provider is ill')
  provider.isIll = true
  await sleep(quietMs)
  provider.isIll = false
  await sleep(quietMs)
}

async function comingAndGoing({ processes, tell }: Scene): Promise<void> {
  tell(`second processes join: ${joining.join(', ')}`)
  for (const stage of joining) await processes.start(stage, 'second')
  await sleep(quietMs)
  tell('and leave')
  for (const stage of joining) await processes.end(stage, 'second', 'SIGTERM')
  await sleep(quietMs)
}

/** The log drops what waits for it, as if it had been dead for days. */
async function deadStage({ processes, broker, names, tell }: Scene): Promise<void> {
  tell(`${killed} is killed`)
  await processes.end(killed, 'first', 'SIGKILL')
  await sleep(killedMs)
  tell('the log drops what waits for it')
  await dropRecords(broker.address, names, 'notifications.rendered')
  await sleep(killedMs)
  tell(`${killed} is started again`)
  await processes.start(killed, 'first')
  await sleep(quietMs)
}

/** More than once: errors of one moment have no rate. */
async function databaseAway({ store, tell }: Scene): Promise<void> {
  if (!store) return
  tell('MongoDB is away')
  for (let time = 0; time < timesAway; time++) {
    await store.refuse()
    await sleep(awayMs)
    await store.pass()
    await sleep(awayMs)
  }
  await sleep(quietMs)
}

async function brokerStuck({ broker: { pid }, tell }: Scene): Promise<void> {
  if (pid === null) return
  tell('the broker does not answer')
  process.kill(pid, 'SIGSTOP')
  await sleep(stuckMs)
  process.kill(pid, 'SIGCONT')
  await sleep(quietMs)
}
