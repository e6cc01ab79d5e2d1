/** Counts the segments of an SMS. The calculator of sms-segments-calculator is right for every text but takes
 *  milliseconds, and its time grows with the square of the length; most texts can be counted without it.
 *  Invariant: wherever a short way is taken, the calculator would say the same. */
import { SegmentedMessage } from 'sms-segments-calculator'

/** GSM 03.38: one septet each, and two for those of the extension table. */
const gsmBasic = /^[@£$¥èéùìòÇ\n\rØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà]*$/
const gsm = /^[@£$¥èéùìòÇ\n\rØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà|^€{}[\]~\\]*$/

/** What may belong with its neighbour, which the calculator does not split: marks, joiners, surrogates, Hangul jamo, the
 *  vowels of Thai and Lao that follow, line ends of two characters. */
const mayJoin = /[\p{M}\p{Cf}\u1100-\u11ff\ua960-\ua97f\ud7b0-\udfff\u0e33\u0eb3\r]|[^\0-\uffff]/u

/** Characters of one segment on its own, and of one of several, which has a header. */
const gsmSegment = { only: 160, joined: 153 }
const ucs2Segment = { only: 70, joined: 67 }

/** Segments that the text takes; `limit + 1` where it takes more than `limit`, without counting how many. */
export function smsSegments(text: string, limit: number): number {
  return Math.min(counted(text, limit), limit + 1)
}

function counted(text: string, limit: number): number {
  const { length } = text
  // 70 characters fit in either encoding, whatever they are.
  if (length <= ucs2Segment.only) return 1
  if (gsmBasic.test(text)) return inSegments(length, gsmSegment)
  const isGsm = gsm.test(text)
  if (length > limit * (isGsm ? gsmSegment.only : ucs2Segment.only)) return limit + 1
  if (!isGsm && !mayJoin.test(text)) return inSegments(length, ucs2Segment)
  return new SegmentedMessage(text).segmentsCount
}

function inSegments(length: number, { only, joined }: { readonly only: number; readonly joined: number }): number {
  return length <= only ? 1 : Math.ceil(length / joined)
}
