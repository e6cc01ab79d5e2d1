/** Whose turn it is, where what one takes another does not get. */

/** All of them, those after the one served last before the others. One that is gone gives the turn to the first. */
export function inTurn<T>(all: readonly T[], servedLast: T | undefined): readonly T[] {
  const first = servedLast === undefined ? 0 : all.indexOf(servedLast) + 1
  return first === 0 ? all : [...all.slice(first), ...all.slice(0, first)]
}
