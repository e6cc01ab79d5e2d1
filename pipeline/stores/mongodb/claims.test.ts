import { claimTests } from '../../../testing/stores/claims-conformance.js'
import { describeOnMongo } from '../../../testing/stores/mongodb/mongo-under-test.js'
import { databaseUnderTest } from '../../../testing/stores/mongodb/stores-under-test.js'

describeOnMongo('a claim on MongoDB that is not complete yet', (server) => {
  claimTests(() => {
    const database = databaseUnderTest(server())
    return { open: () => database.open().claims, close: () => database.close() }
  })
})
