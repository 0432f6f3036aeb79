import { AuditLog, auditKey } from '../adapters/audit-log.ts';
import { openDatabase } from '../adapters/database.ts';
import { TokenNameTakenError, TokenRepository } from '../adapters/token-repository.ts';
import { databaseUrl, readConfig } from '../config.ts';
import { ROLES, type Role } from '../domain/access.ts';
import { parse, runCommand, UsageError } from './run-command.ts';

const USAGE = `Tokens are what people and scripts sign in with; each is shown once, when it is made.

  npm run tokens -- create --name <name> --role <${ROLES.join('|')}> [--expires-days <n, 365 where absent>] [--json]
  npm run tokens -- list [--json]
  npm run tokens -- revoke <name>
  npm run tokens -- sign-out <name>    ends the sessions of someone who signed in at the identity provider
`;

async function main(args: string[]): Promise<void> {
  const { values, positionals } = argumentsOf(args);
  const [command, name] = positionals;
  if (values.help || !command) {
    process.stdout.write(USAGE);
    return;
  }
  const config = readConfig(process.env);
  const db = await openDatabase(databaseUrl(config));
  const [tokens, audit] = [new TokenRepository(db, Date.now), new AuditLog(db, Date.now, auditKey(config.CEREBLOOM_HOME, config.AUDIT_KEY))];
  const byOperator = { actor: 'operator', role: null, address: null, outcome: 'success' } as const;
  try {
    if (command === 'create') {
      const wanted = values.name?.trim();
      if (!wanted) throw new UsageError('--name is missing');
      const role = ROLES.find(known => known === values.role);
      if (!role) throw new UsageError(`--role must be one of ${ROLES.join(', ')}`);
      const token = await tokens.create(wanted, role satisfies Role, expiry(values['expires-days']));
      await audit.write({ ...byOperator, action: 'token.create', object: wanted, detail: role });
      process.stdout.write(values.json ? `${JSON.stringify({ name: wanted, role, token })}\n` : `${token}\n`);
    } else if (command === 'list') {
      const all = await tokens.list();
      process.stdout.write(values.json ? `${JSON.stringify(all, null, 2)}\n` : all.map(line).join('') || 'There are no tokens yet.\n');
    } else if (command === 'revoke') {
      if (!name) throw new UsageError('Which token? Give its name');
      if (!(await tokens.revoke(name))) throw new UsageError(`There is no valid token named ${name}`);
      await audit.write({ ...byOperator, action: 'token.revoke', object: name });
      process.stdout.write(`${name} is revoked, and its sessions have ended.\n`);
    } else if (command === 'sign-out') {
      if (!name) throw new UsageError('Whom? Give the name as the audit shows it');
      const ended = await tokens.closeProviderSessions(name);
      await audit.write({ ...byOperator, action: 'session.end', object: name });
      process.stdout.write(`${ended} ${ended === 1 ? 'session has' : 'sessions have'} ended. Who is still known to the provider can sign in again.\n`);
    } else {
      throw new UsageError(`Unknown command ${command}`);
    }
  } finally {
    await db.destroy();
  }
}

function argumentsOf(args: string[]) {
  return parse({
    args, allowPositionals: true,
    options: {
      name: { type: 'string' }, role: { type: 'string' }, 'expires-days': { type: 'string' },
      json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
    },
  });
}

/** A token that nobody remembers must not stay valid for ever. */
const DEFAULT_DAYS = '365';

function expiry(days: string = DEFAULT_DAYS): number {
  const count = Number(days);
  if (!(count > 0)) throw new UsageError('--expires-days must be a positive number');
  return Date.now() + count * 86_400_000;
}

function line({ name, role, createdAt, expiresAt, revokedAt, lastUsedAt }: Awaited<ReturnType<TokenRepository['list']>>[number]): string {
  const state = revokedAt ? `revoked ${revokedAt}` : expiresAt ? `expires ${expiresAt}` : 'valid';
  return `${name.padEnd(24)} ${role.padEnd(12)} made ${createdAt}  ${state}  last used ${lastUsedAt ?? 'never'}\n`;
}

await runCommand(main, error => (error instanceof TokenNameTakenError ? error.message : undefined));
