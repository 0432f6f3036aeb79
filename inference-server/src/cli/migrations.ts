import { openDatabase, undoMigrations } from '../adapters/database.ts';
import { migrations } from '../adapters/migrations/index.ts';
import { foldAllChanges } from '../adapters/rollup-changes.ts';
import { databaseUrl, readConfig } from '../config.ts';
import { runCommand } from './run-command.ts';

const USAGE = `Changes of the database's form. They are made by themselves when a newer version starts.

  npm run migrations -- list
  npm run migrations -- undo <name>    goes back to before this change, so that the version before it can be used again

To go back a version: stop everything, make a backup, undo what the older version does not have, start the older version.
What only the newer version knows is put aside, and is there again when it comes back.
`;

async function main([command, name, ...rest]: readonly string[]): Promise<void> {
  if (rest.length > 0 || !(command === 'list' && name === undefined) && !(command === 'undo' && name !== undefined)) {
    process.stdout.write(USAGE);
    if (command !== undefined && command !== '--help') process.exitCode = 2;
    return;
  }
  const config = readConfig(process.env);
  const db = await openDatabase(databaseUrl(config));
  try {
    if (command === 'undo') await foldAllChanges(db);
    const lines = command === 'list' ? Object.keys(migrations) : (await undoMigrations(db, name!)).map(undone => `${undone} is undone`);
    process.stdout.write(`${lines.join('\n')}\n`);
  } finally {
    await db.destroy();
  }
}

await runCommand(main, error => (error instanceof RangeError ? error.message : undefined));
