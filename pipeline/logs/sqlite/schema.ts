/** The tables of the stores. They stand beside the log's in one file, so one transaction takes both.
 *
 *  `store_records` is narrow and written once, but for its status: what a merge rewrites stands in `store_progress`.
 *  So a list runs over few pages, and a merge dirties few. Times are in milliseconds since the epoch.
 *  Its indexes are few, and grow at one end only: an index in the order of something random dirties a page for each
 *  notification, which cost as much as everything else. So rows are grouped in spans of neighbours, and
 *  - `store_spans` says from when to when each span's rows are: lists go from span to span;
 *  - recipients (by hash) and `rare` (the status, only where few rows have it) are indexed within their span;
 *  - `store_batches` says from which row to which a batch stands;
 *  - ids are indexed as they are, for ours grow with time. */
import type { Database } from './database.js'
import { spanBits } from './spans.js'

const first = `
  CREATE TABLE store_records (
    seq INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    rare TEXT,
    channels INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    recipient_hash INTEGER NOT NULL,
    priority TEXT,
    asked_channels TEXT,
    template_id TEXT,
    template_version INTEGER,
    send_at INTEGER,
    batch_id TEXT,
    correlation_id TEXT,
    origin TEXT,
    metadata TEXT
  );
  CREATE UNIQUE INDEX store_records_id ON store_records (id, tenant);
  CREATE INDEX store_records_recipient ON store_records ((seq >> ${spanBits}), recipient_hash);
  CREATE INDEX store_records_rare ON store_records ((seq >> ${spanBits}), rare) WHERE rare IS NOT NULL;
  CREATE TABLE store_spans (span INTEGER PRIMARY KEY, oldest INTEGER NOT NULL, newest INTEGER NOT NULL);
  CREATE TABLE store_progress (seq INTEGER PRIMARY KEY, doc TEXT NOT NULL);
  CREATE TABLE store_batches (
    tenant TEXT NOT NULL, batch_id TEXT NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    PRIMARY KEY (tenant, batch_id, first_seq)
  ) WITHOUT ROWID;
  CREATE TABLE store_stats (
    tenant TEXT NOT NULL, channel TEXT NOT NULL, measure TEXT NOT NULL, bucket INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (tenant, channel, measure, bucket)
  ) WITHOUT ROWID;

  CREATE TABLE store_claims (
    seq INTEGER PRIMARY KEY, tenant TEXT NOT NULL, key TEXT NOT NULL,
    body_hash TEXT NOT NULL, answer TEXT NOT NULL, created_at INTEGER NOT NULL,
    UNIQUE (tenant, key)
  );

  CREATE TABLE store_templates (
    seq INTEGER PRIMARY KEY, tenant TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, doc TEXT NOT NULL,
    UNIQUE (tenant, id, version)
  );
  CREATE TABLE store_template_heads (
    tenant TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, deleted INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
  ) WITHOUT ROWID;

  CREATE TABLE store_recipients (
    seq INTEGER PRIMARY KEY, tenant TEXT NOT NULL, id TEXT NOT NULL, doc TEXT NOT NULL,
    UNIQUE (tenant, id)
  );

  CREATE TABLE store_inbox (
    seq INTEGER PRIMARY KEY, tenant TEXT NOT NULL, recipient TEXT NOT NULL, id TEXT NOT NULL,
    notification_id TEXT NOT NULL, title TEXT, body TEXT NOT NULL,
    accepted_at INTEGER NOT NULL, read_at INTEGER,
    UNIQUE (tenant, id)
  );
  CREATE INDEX store_inbox_recipient ON store_inbox (tenant, recipient, accepted_at, id);
  CREATE INDEX store_inbox_unread ON store_inbox (tenant, recipient) WHERE read_at IS NULL;

  CREATE TABLE store_outbox (
    seq INTEGER PRIMARY KEY, tenant TEXT NOT NULL, id TEXT NOT NULL, notification_id TEXT NOT NULL,
    channel TEXT NOT NULL, address TEXT NOT NULL, message TEXT NOT NULL, at INTEGER NOT NULL,
    UNIQUE (tenant, id)
  );

  CREATE TABLE store_dead_letters (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, at INTEGER NOT NULL,
    stage TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL,
    cause TEXT NOT NULL, detail TEXT NOT NULL, notification_id TEXT, headers TEXT NOT NULL,
    replays INTEGER NOT NULL, status TEXT NOT NULL, key BLOB, value BLOB
  );
  CREATE INDEX store_dead_letters_stage ON store_dead_letters (stage);
  CREATE INDEX store_dead_letters_cause ON store_dead_letters (cause);

`

/** Claims whose append is not known to be durable, where the log is elsewhere. */
const pendingClaims = `
  CREATE TABLE store_pending_claims (
    tenant TEXT NOT NULL, key TEXT NOT NULL, body_hash TEXT NOT NULL, answer TEXT NOT NULL, ids TEXT NOT NULL,
    batch_id TEXT, created_at INTEGER NOT NULL, claimed_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
  ) WITHOUT ROWID;
  CREATE INDEX store_pending_claims_age ON store_pending_claims (created_at);
`

/** Lists of dead letters by time: each index ends in their order. */
const letterIndexes = `
  DROP INDEX store_dead_letters_stage;
  DROP INDEX store_dead_letters_cause;
  CREATE INDEX store_dead_letters_at ON store_dead_letters (at);
  CREATE INDEX store_dead_letters_stage ON store_dead_letters (stage, at);
  CREATE INDEX store_dead_letters_cause ON store_dead_letters (cause, at);
  CREATE INDEX store_dead_letters_status ON store_dead_letters (status, at);
`

/** Claims that hold their key for less than the 24 hours that all did before. */
const claimWindows = `
  ALTER TABLE store_claims ADD COLUMN window_ms INTEGER NOT NULL DEFAULT 86400000;
  ALTER TABLE store_pending_claims ADD COLUMN window_ms INTEGER NOT NULL DEFAULT 86400000;
`

/** Messages with metadata, numbered in the order of their arrival. A number is never used again, also where retention
 *  has removed the newest message: it is a place from which readers go on. Each index ends in it, so one index counts
 *  what is unread and finds what arrived, among read and unread: one more would cost a put half as much again. */
const inboxArrivals = `
  CREATE TABLE store_inbox_numbered (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, recipient TEXT NOT NULL, id TEXT NOT NULL,
    notification_id TEXT NOT NULL, title TEXT, body TEXT NOT NULL, metadata TEXT NOT NULL DEFAULT '{}',
    accepted_at INTEGER NOT NULL, read_at INTEGER,
    UNIQUE (tenant, id)
  );
  INSERT INTO store_inbox_numbered (seq, tenant, recipient, id, notification_id, title, body, accepted_at, read_at)
    SELECT seq, tenant, recipient, id, notification_id, title, body, accepted_at, read_at FROM store_inbox ORDER BY seq;
  DROP TABLE store_inbox;
  ALTER TABLE store_inbox_numbered RENAME TO store_inbox;
  CREATE INDEX store_inbox_recipient ON store_inbox (tenant, recipient, accepted_at, id);
  CREATE INDEX store_inbox_arrival ON store_inbox (tenant, recipient, (read_at IS NULL));
`

/** When a notification ended, and when a message came into its inbox: what retention counts from. Rows of before have
 *  neither, and count from acceptance. */
const endsAndArrivals = `
  ALTER TABLE store_records ADD COLUMN ended_at INTEGER;
  ALTER TABLE store_inbox ADD COLUMN arrived_at INTEGER;
`

/** What leads from each version to the next. */
const steps = [first, pendingClaims, letterIndexes, claimWindows, inboxArrivals, endsAndArrivals]

/** The file was written by a later version of Carillon. */
export class LaterSchema extends Error {
  override readonly name = 'LaterSchema'
  readonly code = 'later-schema'
}

/** Makes the tables where there are none, and brings those of an earlier version up to this one. To be called once, by
 *  the writer, before anything else here. `version`: less, where a test wants what an earlier version left. */
export function createStoreSchema(database: Database, version = steps.length): void {
  // Several processes may open a new file at once.
  database.exec('BEGIN IMMEDIATE')
  try {
    migrate(database, version)
    database.exec('COMMIT')
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}

function migrate(database: Database, version: number): void {
  const found = database.prepare('PRAGMA user_version').get() as { user_version: number }
  if (found.user_version > version) {
    throw new LaterSchema(
      'The data folder was written by a later version of Carillon. Start that one, or another folder.',
    )
  }
  if (found.user_version === version) return
  for (const step of steps.slice(found.user_version, version)) database.exec(step)
  database.exec(`PRAGMA user_version = ${version}`)
}
