/** A real HAProxy for tests. */
import { type InstalledProgram, programsOf } from '../debian-package-under-test.js'

export type Haproxy = InstalledProgram

/** HAProxy, or why tests must do without it. Throws then in continuous integration. `root`: the project's folder. */
export function haproxyFor(root: string): { haproxy: Haproxy } | { haproxy: null; missing: string } {
  const found = programsOf(root, {
    name: 'haproxy',
    programs: { haproxy: 'usr/sbin/haproxy' },
    versionArgument: '-v',
  })
  return found.programs ?? { haproxy: null, missing: found.missing }
}
