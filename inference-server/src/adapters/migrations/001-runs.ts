import { PostgresAdapter, sql, type Kysely } from 'kysely';

/** A migration knows no schema type: the schema of its day is what it makes. */
type AnyDatabase = Kysely<unknown>;

export async function up(db: AnyDatabase): Promise<void> {
  const counted = db.getExecutor().adapter instanceof PostgresAdapter ? sql`bigserial primary key` : sql`integer primary key autoincrement`;

  await db.schema.createTable('runs')
    .addColumn('id', 'text', c => c.primaryKey())
    .addColumn('identity', 'text', c => c.notNull())
    .addColumn('state', 'text', c => c.notNull())
    .addColumn('stage', 'text')
    .addColumn('progress', 'double precision', c => c.notNull())
    .addColumn('study_uid', 'text', c => c.notNull())
    .addColumn('patient_pseudonym', 'text')
    .addColumn('responsible_physician', 'text')
    .addColumn('model_id', 'text', c => c.notNull())
    .addColumn('model_version', 'text', c => c.notNull())
    .addColumn('pipeline_version', 'text', c => c.notNull())
    .addColumn('trigger', 'text', c => c.notNull())
    .addColumn('requested_by', 'text', c => c.notNull())
    .addColumn('priority', 'integer', c => c.notNull())
    .addColumn('series_json', 'text', c => c.notNull())
    .addColumn('identities_json', 'text', c => c.notNull())
    .addColumn('destination', 'text')
    .addColumn('queued_at_ms', 'bigint', c => c.notNull())
    .addColumn('available_at_ms', 'bigint', c => c.notNull())
    .addColumn('started_at_ms', 'bigint')
    .addColumn('finished_at_ms', 'bigint')
    .addColumn('lease_owner', 'text')
    .addColumn('lease_until_ms', 'bigint')
    .addColumn('attempts', 'integer', c => c.notNull())
    .addColumn('cancel_requested', 'integer', c => c.notNull())
    .addColumn('seconds_per_stage_json', 'text', c => c.notNull())
    .addColumn('error_code', 'text')
    .addColumn('error_message', 'text')
    .addColumn('result_json', 'text')
    .addColumn('superseded_by', 'text')
    .addColumn('review_json', 'text')
    .execute();
  await db.schema.createIndex('runs_by_study').on('runs').columns(['study_uid', 'id']).execute();
  await db.schema.createIndex('runs_by_state').on('runs').columns(['state', 'id']).execute();
  await db.schema.createIndex('runs_by_identity').on('runs').column('identity').execute();
  await sql`create unique index runs_one_active_per_identity on runs (identity) where state in ('queued', 'running')`.execute(db);

  await db.schema.createTable('run_events')
    .addColumn('seq', counted)
    .addColumn('run_id', 'text', c => c.notNull().references('runs.id').onDelete('cascade'))
    .addColumn('at_ms', 'bigint', c => c.notNull())
    .addColumn('event_json', 'text', c => c.notNull())
    .execute();
  await db.schema.createIndex('run_events_by_run').on('run_events').columns(['run_id', 'seq']).execute();

  await db.schema.createTable('outbox')
    .addColumn('id', counted)
    .addColumn('run_id', 'text', c => c.notNull().references('runs.id').onDelete('cascade'))
    .addColumn('kind', 'text', c => c.notNull())
    .addColumn('created_at_ms', 'bigint', c => c.notNull())
    .addColumn('available_at_ms', 'bigint', c => c.notNull())
    .addColumn('attempts', 'integer', c => c.notNull())
    .addColumn('last_error', 'text')
    .addColumn('published_at_ms', 'bigint')
    .addColumn('mlflow_run_id', 'text')
    .execute();
  await sql`create index outbox_unpublished on outbox (available_at_ms) where published_at_ms is null`.execute(db);
  await db.schema.createIndex('outbox_by_run').on('outbox').column('run_id').execute();

  await db.schema.createTable('workers')
    .addColumn('id', 'text', c => c.primaryKey())
    .addColumn('host', 'text', c => c.notNull())
    .addColumn('started_at_ms', 'bigint', c => c.notNull())
    .addColumn('heartbeat_at_ms', 'bigint', c => c.notNull())
    .execute();

  await db.schema.createTable('tokens')
    .addColumn('id', 'text', c => c.primaryKey())
    .addColumn('name', 'text', c => c.notNull().unique())
    .addColumn('hash', 'text', c => c.notNull().unique())
    .addColumn('role', 'text', c => c.notNull())
    .addColumn('created_at_ms', 'bigint', c => c.notNull())
    .addColumn('expires_at_ms', 'bigint')
    .addColumn('revoked_at_ms', 'bigint')
    .addColumn('last_used_at_ms', 'bigint')
    .execute();

  await db.schema.createTable('sessions')
    .addColumn('hash', 'text', c => c.primaryKey())
    .addColumn('token_id', 'text', c => c.notNull().references('tokens.id').onDelete('cascade'))
    .addColumn('created_at_ms', 'bigint', c => c.notNull())
    .addColumn('expires_at_ms', 'bigint', c => c.notNull())
    .execute();

  await db.schema.createTable('audit')
    .addColumn('seq', counted)
    .addColumn('at_ms', 'bigint', c => c.notNull())
    .addColumn('actor', 'text', c => c.notNull())
    .addColumn('role', 'text')
    .addColumn('address', 'text')
    .addColumn('action', 'text', c => c.notNull())
    .addColumn('object', 'text')
    .addColumn('outcome', 'text', c => c.notNull())
    .addColumn('detail', 'text')
    .addColumn('previous_hash', 'text', c => c.notNull().unique())
    .addColumn('hash', 'text', c => c.notNull().unique())
    .execute();

  await db.schema.createTable('cursors')
    .addColumn('name', 'text', c => c.primaryKey())
    .addColumn('position', 'bigint', c => c.notNull())
    .execute();

  await db.schema.createTable('routing_candidates')
    .addColumn('orthanc_study_id', 'text', c => c.primaryKey())
    .addColumn('seen_at_ms', 'bigint', c => c.notNull())
    .addColumn('available_at_ms', 'bigint', c => c.notNull())
    .addColumn('attempts', 'integer', c => c.notNull())
    .execute();

  await db.schema.createTable('routing_decisions')
    .addColumn('study_uid', 'text', c => c.notNull())
    .addColumn('content_hash', 'text', c => c.notNull())
    .addColumn('rule', 'text', c => c.notNull())
    .addColumn('action', 'text', c => c.notNull())
    .addColumn('reason', 'text', c => c.notNull())
    .addColumn('run_id', 'text')
    .addColumn('decided_at_ms', 'bigint', c => c.notNull())
    .addPrimaryKeyConstraint('routing_decisions_once', ['study_uid', 'content_hash'])
    .execute();
}
