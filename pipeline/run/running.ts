/** A Carillon that runs, or a part of it. */
export interface Running {
  /** Where it listens, like http://127.0.0.1:3000 */
  readonly address: string
  /** Lets what is under way end, and resolves when everything is closed. */
  close(): Promise<void>
  /** Of that, how long it only says that it is to end, in milliseconds; 0 unless said. */
  readonly leaveMs?: number
  /** Resolves with what ended it though nobody asked it to. */
  readonly died?: Promise<unknown>
}

/** The URL of what listens there. */
export function addressOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
