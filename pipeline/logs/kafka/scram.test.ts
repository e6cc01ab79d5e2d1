import { expect, test } from 'vitest'
import { scramConversation, scramHash } from './scram.js'

// RFC 7677, section 3
const nonce = 'rOprNGfwEbeRWgbNEkqO'
const serverFirst = `r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`
const serverFinal = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='

test('the conversation is that of the standard', () => {
  const scram = scramConversation('sha256', 'user', 'pencil', nonce)
  expect(scram.first).toBe(`n,,n=user,r=${nonce}`)
  expect(scram.answer(serverFirst)).toBe(
    `c=biws,r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`,
  )
  expect(scram.check(serverFinal)).toBeUndefined()
})

test('a server that does not know the password is refused', () => {
  const scram = scramConversation('sha256', 'user', 'pencils', nonce)
  expect(() => scram.check(serverFinal)).toThrow('not the Kafka broker')
  scram.answer(serverFirst)
  expect(() => scram.check(serverFinal)).toThrow('not the Kafka broker')
})

test.each([
  '',
  `r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`,
  `r=${nonce}a,s=W22Z,i=2000000000`,
  `r=${nonce}a,s=W22Z,i=x`,
])('an answer that is none is refused: %s', (answer) => {
  expect(() => scramConversation('sha512', 'user', 'pencil', nonce).answer(answer)).toThrow('no SCRAM')
})

test('a name keeps its commas and equals signs', () => {
  expect(scramConversation('sha512', 'a=b,c', '', nonce).first).toBe(`n,,n=a=3Db=2Cc,r=${nonce}`)
})

test('only mechanisms that are SCRAM have a hash', () => {
  expect(['SCRAM-SHA-256', 'SCRAM-SHA-512', 'PLAIN'].map(scramHash)).toEqual(['sha256', 'sha512', null])
})
