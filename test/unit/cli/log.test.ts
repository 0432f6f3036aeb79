import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statisticsListener } from '../../../inference-server/src/adapters/count-runs.ts';
import { openDatabase } from '../../../inference-server/src/adapters/database.ts';
import { openLog } from '../../../inference-server/src/adapters/logger.ts';
import { RunRepository } from '../../../inference-server/src/adapters/run-repository.ts';
import { endARun } from '../../support/ended-runs.ts';

const command = (home: string, ...args: string[]) => promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', 'inference-server/src/cli/log.ts', ...args], {
  env: { PATH: process.env.PATH, CEREBLOOM_HOME: home, ORTHANC_URL: 'http://127.0.0.1:9', MLFLOW_URL: 'http://127.0.0.1:9' }, timeout: 60_000,
});

describe('npm run log', () => {
  let home: string;
  let id: string;
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'cerebloom-follow-'));
    const db = await openDatabase(`sqlite:${join(home, 'cerebloom.db')}`);
    id = (await endARun(new RunRepository(db, statisticsListener))).id;
    await db.destroy();
    openLog({ home, level: 'info', part: 'gateway', rotates: false }).info({ runId: id, requestId: 'a-request' }, 'run asked for');
    openLog({ home, level: 'info', part: 'compute', rotates: false }).info({ runId: id }, 'Orthanc has the results');
    openLog({ home, level: 'info', part: 'worker', rotates: false }).info({ runId: 'another' }, 'run taken');
  });
  afterAll(() => rmSync(home, { recursive: true }));

  it('follows a run through the processes that worked on it, and says what the others have of it now', async () => {
    const { stdout } = await command(home, id);
    expect(stdout).toMatch(/gateway {2}run asked for requestId=a-request\n.*compute {2}Orthanc has the results\n/);
    expect(stdout).not.toContain('another');
    expect(stdout).toMatch(/run +completed\n/);
    expect(stdout).toMatch(/Orthanc +ORTHANC_UNAVAILABLE/);
    expect(stdout).toMatch(/MLflow +not told yet/);
  }, 90_000);

  it('says where to look for a run that there isn\'t', async () => {
    await expect(command(home, 'no-such-run')).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('/dashboard/runs') });
  }, 90_000);
});
