import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../../inference-server/src/adapters/database.ts';

let db: Database;
beforeEach(async () => {
  db = await openDatabase('sqlite::memory:');
});
afterEach(() => db.destroy());

it('lets requests in between the transactions of long work', async () => {
  let answered = 0;
  const requests = setInterval(() => answered++, 0);
  for (let n = 0; n < 200; n++) await db.transaction().execute(trx => trx.selectFrom('runs').select('id').execute());
  clearInterval(requests);
  expect(answered).toBeGreaterThan(0);
});
