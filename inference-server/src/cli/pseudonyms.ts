import { AuditLog, auditKey } from '../adapters/audit-log.ts';
import { openDatabase } from '../adapters/database.ts';
import { addPseudonymKey } from '../adapters/pseudonym.ts';
import { renewPseudonyms } from '../adapters/renew-pseudonyms.ts';
import { newKey } from '../adapters/secret-key.ts';
import { databaseUrl, readConfig } from '../config.ts';
import { openPseudonyms } from '../context.ts';
import { runCommand, UsageError } from './run-command.ts';

const USAGE = `Pseudonyms of patients, physicians, scanners and institutions in database, statistics and MLflow.

  npm run pseudonyms -- status      how many keys there are, and how many runs wait for the newest
  npm run pseudonyms -- rotate      adds a key and renews every pseudonym; runs of one patient still belong together.
                                    May be used while everything runs; used again, it goes on where it was interrupted.

Earlier keys stay in the file: they are needed, and without the newest one they are worth nothing.
`;

async function main([command, ...rest]: readonly string[]): Promise<void> {
  if (command === undefined || command === '--help' || command === '-h') {
    process.stdout.write(USAGE);
    return;
  }
  if (!['status', 'rotate'].includes(command) || rest.length > 0) throw new UsageError(`Unknown command ${[command, ...rest].join(' ')}; the commands are status and rotate`);
  const config = readConfig(process.env);
  if (command === 'rotate' && config.PSEUDONYM_KEY !== undefined) {
    throw new UsageError(`The keys are configured (PSEUDONYM_KEY). To rotate, add a comma and a new key at their end, for example\n  ,${newKey()}\nand start gateways and workers again: the gateway renews every pseudonym when it starts`);
  }
  const db = await openDatabase(databaseUrl(config));
  try {
    const pseudonyms = openPseudonyms(config);
    const waiting = async () => Number((await db.selectFrom('runs').select(eb => eb.fn.countAll<number>().as('n')).where('pseudonym_generation', '<', pseudonyms.generation()).executeTakeFirstOrThrow()).n);
    if (command === 'rotate') {
      // after an interruption the key is there already
      if (await waiting() === 0) addPseudonymKey(config.CEREBLOOM_HOME);
      const renewed = await renewPseudonyms(db, pseudonyms, Date.now);
      await new AuditLog(db, Date.now, auditKey(config.CEREBLOOM_HOME, config.AUDIT_KEY)).write({
        actor: 'operator', role: null, address: null, outcome: 'success', action: 'pseudonym.rotate', object: `key ${pseudonyms.generation()}`, detail: `${renewed} runs`,
      });
      process.stdout.write(`${renewed} runs have new pseudonyms; the gateway tells MLflow. Keep a copy of pseudonym.key.\n`);
    }
    process.stdout.write(`${pseudonyms.generation()} keys, ${await waiting()} runs wait for the newest\n`);
  } finally {
    await db.destroy();
  }
}

await runCommand(main);
