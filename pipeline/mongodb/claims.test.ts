import { claimTests } from '../claims-conformance.js'
import { describeOnMongo } from './mongo-under-test.js'
import { databaseUnderTest } from './stores-under-test.js'

describeOnMongo('a claim on MongoDB that is not complete yet', (server) => {
  claimTests(() => {
    const database = databaseUnderTest(server())
    return { open: () => database.open().claims, close: () => database.close() }
  })
})
