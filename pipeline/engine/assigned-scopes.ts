/** The scopes that a stage owns, each with one object for as long as it stays.
 *
 *  Invariant: a scope that left and came back is another object: what a stage remembers of the first says nothing of the
 *  second, for somebody else may have owned it between. */
import type { Scope } from '../../stages/stage.js'
import type { Assignment } from './log.js'
import { laneOf } from './topic-partition.js'

export interface AssignedScopes {
  /** The object of an assignment's scope. */
  of(assignment: Assignment): Scope
  /** Those that are owned and not on their way out. */
  now(): readonly Scope[]
  assign(assignments: readonly Assignment[]): void
  /** How many partitions those are of. */
  partitions(): number
  /** They are being given back: what is under way of them ends, and nothing is begun. Tells their scopes. */
  leave(assignments: readonly Assignment[]): readonly Scope[]
  /** They are gone. */
  forget(assignments: readonly Assignment[]): void
}

export function assignedScopes(): AssignedScopes {
  const scopes = new Map<string, Scope>()
  const revoked = new Set<string>()
  let owned: readonly Assignment[] = []
  let current: readonly Scope[] | null = null
  let partitions: number | null = null

  const now = (): readonly Scope[] => {
    current ??= [...new Set(owned.filter((one) => !revoked.has(scopeName(one))).map(scopeOf))]
    return current
  }

  const changed = (): void => {
    current = null
    partitions = null
  }

  return {
    of: scopeOf,
    now,
    partitions() {
      partitions ??= new Set(now().map(({ partition }) => partition)).size
      return partitions
    },
    assign(assignments) {
      owned = assignments
      const names = new Set(assignments.map(scopeName))
      for (const name of revoked) if (!names.has(name)) revoked.delete(name)
      changed()
    },
    leave(assignments) {
      for (const assignment of assignments) revoked.add(scopeName(assignment))
      changed()
      return [...new Set(assignments.map(scopeOf))]
    },
    forget(assignments) {
      for (const assignment of assignments) scopes.delete(scopeName(assignment))
      changed()
    },
  }

  function scopeOf(assignment: Assignment): Scope {
    const name = scopeName(assignment)
    let scope = scopes.get(name)
    if (!scope) {
      scope = { lane: laneOf(assignment.topic), partition: assignment.partition }
      scopes.set(name, scope)
    }
    return scope
  }
}

function scopeName({ topic, partition }: Assignment): string {
  return `${laneOf(topic)}-${partition}`
}
