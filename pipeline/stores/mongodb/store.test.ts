import {
  describeOnMongo,
  dropDatabase,
  freshDatabase,
  quicken,
} from '../../../testing/stores/mongodb/mongo-under-test.js'
import { describeStore } from '../../../testing/stores/store-conformance.js'
import { type StoreUnderTest, startMs } from '../../../testing/stores/store-under-test.js'
import type { Retention } from '../retention.js'
import { openMongoStores } from './stores.js'

async function open(url: string, retention: Retention): Promise<StoreUnderTest> {
  const database = freshDatabase()
  let now = startMs
  const stores = openMongoStores({ url, database, retention, expire: false, nowMs: () => now++ })
  await stores.ensureIndexes()
  await quicken(url, database)
  const { claims, letters } = stores
  return {
    ...stores,
    accept: stores.insertAccepted,
    // As the Kafka ingress does, the append left out.
    claim: async (tenant, claim, nowMs) => {
      const answer = await claims.claim(tenant, claim, { ids: [], batchId: null }, nowMs)
      if (answer.kind === 'again') throw new Error('No claim here stays half-way.')
      if (answer.kind === 'accepted') await claims.complete(tenant, claim.key)
      return answer
    },
    deadLetters: letters,
    putDeadLetter: (letter) => letters.putAll([letter]),
    markReplayed: letters.mark,
    prune: async (nowMs) => {
      now = nowMs
      while (await stores.prune());
    },
    close: async () => {
      await stores.close()
      await dropDatabase(url, database)
    },
  }
}

describeOnMongo('with a server', (server) => {
  describeStore('MongoDB', (retention) => open(server().url, retention))
})
