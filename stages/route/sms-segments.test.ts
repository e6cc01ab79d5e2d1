import { SegmentedMessage } from 'sms-segments-calculator'
import { expect, test } from 'vitest'
import { smsSegments } from './sms-segments.js'

const alphabets = {
  gsm: '@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡AZÄÖÑÜ§¿azäöñüà',
  extended: 'abc |^€{}[]~\\',
  turkish: 'abcçğıİöşü ',
  cyrillic: 'абвгдѣюя ',
  arabic: 'ابتثج ',
  japanese: 'あいカナ日本語。',
  korean: '가각힣 ',
  jamo: 'ᄀ각각ᅡ',
  thai: 'กาำน้ ',
  devanagari: 'नमस्ते ',
  joined: 'e\u0301a\u200d👩‍👩‍👧🇩🇪✈️',
  lines: 'a\r\nb',
  linesApart: 'ю\r\nя',
}
const lengths = [1, 66, 67, 68, 70, 71, 134, 135, 140, 153, 154, 160, 161, 201, 202, 268, 269, 306, 307, 320]

test('it says what the calculator says, for texts in many scripts and lengths', () => {
  const limit = 4
  for (const [name, alphabet] of Object.entries(alphabets)) {
    for (const length of lengths) {
      const text = alphabet.repeat(Math.ceil(length / alphabet.length)).slice(0, length)
      const expected = Math.min(new SegmentedMessage(text).segmentsCount, limit + 1)
      expect([name, length, smsSegments(text, limit)]).toEqual([name, length, expected])
    }
  }
})

test('a text far over the limit is not counted', () => {
  expect(['a', 'ю', '€', '😀'].map((letter) => smsSegments(letter.repeat(200_000), 4))).toEqual([5, 5, 5, 5])
})
