import { AUDIT_ACTIONS, AuditLog, auditKey, type AuditRow } from '../adapters/audit-log.ts';
import { openDatabase } from '../adapters/database.ts';
import { auditMessage } from '../dicom/audit-message.ts';
import { databaseUrl, readConfig } from '../config.ts';
import { parse, runCommand, UsageError } from './run-command.ts';

const USAGE = `Who did what: the audit log.

  npm run audit -- verify                  is every line there, as it was written? exit code 2 where not
  npm run audit -- search [--actor <name>] [--action <action>] [--object <id>] [--outcome success|refused|failure]
                          [--from <date>] [--to <date>] [--before <line>] [--limit <n>] [--json|--xml]

Actions: ${AUDIT_ACTIONS.join(', ')}. --xml prints DICOM audit messages (PS3.15 A.5).
`;

async function main(args: string[]): Promise<void> {
  const { values, positionals: [command] } = argumentsOf(args);
  if (values.help || !command) {
    process.stdout.write(USAGE);
    return;
  }
  const config = readConfig(process.env);
  const db = await openDatabase(databaseUrl(config));
  const audit = new AuditLog(db, Date.now, auditKey(config.CEREBLOOM_HOME, config.AUDIT_KEY));
  try {
    if (command === 'verify') await verify(audit);
    else if (command === 'search') await search(audit, values);
    else throw new UsageError(`Unknown command ${command}`);
  } finally {
    await db.destroy();
  }
}

async function verify(audit: AuditLog): Promise<void> {
  const { lines, faults } = await audit.verify();
  if (faults.length === 0) {
    process.stdout.write(`${lines} lines, all there and unchanged.\n`);
    return;
  }
  for (const { seq, what } of faults) process.stderr.write(`line ${seq}: ${what}\n`);
  process.stderr.write(`${lines} lines, ${faults.length} faults. Compare with the copy of your syslog server, and keep this database as it is.\n`);
  process.exitCode = 2;
}

async function search(audit: AuditLog, values: ReturnType<typeof argumentsOf>['values']): Promise<void> {
  const outcome = (['success', 'refused', 'failure'] as const).find(known => known === values.outcome);
  if (values.outcome !== undefined && !outcome) throw new UsageError('--outcome must be success, refused or failure');
  const rows = await audit.search({
    actor: values.actor, action: values.action, object: values.object, outcome, fromMs: instant('from', values.from), toMs: instant('to', values.to),
    before: count('before', values.before), limit: count('limit', values.limit) ?? 100,
  });
  await audit.write({ actor: 'operator', role: null, address: null, action: 'audit.search', outcome: 'success' });
  if (values.json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  else process.stdout.write(rows.map(values.xml ? row => `${auditMessage(row)}\n` : line).join('') || 'Nothing was found.\n');
}

const line = ({ seq, at_ms, actor, role, address, action, object, outcome, detail }: AuditRow): string =>
  `${seq}  ${new Date(at_ms).toISOString()}  ${outcome.padEnd(7)}  ${action.padEnd(16)}  ${actor}${role ? ` (${role})` : ''}${address ? ` from ${address}` : ''}${object ? `  ${object}` : ''}${detail ? `  ${detail}` : ''}\n`;

function instant(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new UsageError(`--${name} must be a date, e.g. 2026-03-01 or 2026-03-01T08:00:00Z`);
  return ms;
}

function count(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new UsageError(`--${name} must be a whole number from 1 on`);
  return number;
}

function argumentsOf(args: string[]) {
  const text = { type: 'string' } as const;
  return parse({
    args, allowPositionals: true,
    options: {
      actor: text, action: text, object: text, outcome: text, from: text, to: text, before: text, limit: text,
      json: { type: 'boolean' }, xml: { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
    },
  });
}

await runCommand(main);
