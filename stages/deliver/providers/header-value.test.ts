import { expect, test } from 'vitest'
import { headerValue } from './header-value.js'

test('printable ASCII stays as it is, and all else becomes base64url that no two texts share', () => {
  const texts = ['n-1:email', 'a b', ' a', 'a\r\nb', 'ä', '', '\ud800']
  expect(texts.map(headerValue)).toEqual(['n-1:email', 'a b', 'IGE', 'YQ0KYg', 'w6Q', '', '77-9'])
})
