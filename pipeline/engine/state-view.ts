/** A stage's state as it sees it: what is committed, under what it wrote and has not committed yet. */
import type { KeyedState, Scope, StateChange, StateEntry } from '../../stages/stage.js'
import type { Member } from './log.js'

export interface StateView {
  in(scope: Scope): KeyedState
  /** The changes since the last call, in order. */
  takeChanges(): readonly StateChange[]
  /** The changes are committed now: the member tells them. */
  forget(changes: readonly StateChange[]): void
}

export function stateView(member: Pick<Member, 'get' | 'range'>): StateView {
  const scopes = new Map<string, { state: KeyedState; pending: Map<string, StateChange> }>()
  let taken: StateChange[] = []

  return {
    in: (scope) => open(scope).state,
    takeChanges() {
      const changes = taken
      taken = []
      return changes
    },
    forget(changes) {
      for (const change of changes) {
        const { pending } = open(change.scope)
        if (pending.get(change.key) === change) pending.delete(change.key)
      }
    },
  }

  function open(scope: Scope) {
    const name = `${scope.lane}-${scope.partition}`
    let opened = scopes.get(name)
    if (!opened) {
      const pending = new Map<string, StateChange>()
      opened = { pending, state: keyedState(member, scope, pending, (change) => taken.push(change)) }
      scopes.set(name, opened)
    }
    return opened
  }
}

/** What one scope holds: what was written and is not committed, over what the member tells. */
function keyedState(
  member: Pick<Member, 'get' | 'range'>,
  scope: Scope,
  pending: Map<string, StateChange>,
  written: (change: StateChange) => void,
): KeyedState {
  const write = (key: string, value: Uint8Array | null, expiresAtMs: number | null) => {
    const change = { scope, key, value, expiresAtMs }
    pending.set(key, change)
    written(change)
  }
  return {
    get(key) {
      const change = pending.get(key)
      return change === undefined ? member.get(scope, key) : (change.value ?? undefined)
    },
    put: write,
    delete: (key) => write(key, null, null),
    range(from, to, limit) {
      const own = [...pending.values()].filter(({ key }) => key >= from && key < to)
      const committed = member.range(scope, from, to, limit + own.length)
      if (own.length === 0) return committed
      const kept = committed.filter(({ key }) => !pending.has(key))
      const added = own.flatMap(({ key, value }): StateEntry[] => (value === null ? [] : [{ key, value }]))
      return [...kept, ...added].sort(byKey).slice(0, limit)
    },
  }
}

function byKey(a: StateEntry, b: StateEntry): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0
}
