/** Every dashboard, in the order in which they are read. */
import type { Board } from '../board.js'
import { delivery } from './delivery.js'
import { ingress } from './ingress.js'
import { lag } from './lag.js'
import { overview } from './overview.js'
import { runtime } from './runtime.js'

export const boards: readonly Board[] = [overview, lag, delivery, ingress, runtime]
