import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../inference-server/src/adapters/database.ts';
import type { Run, RunPage } from '../../inference-server/src/contract/runs.ts';
import { ORTHANC_POSTGRES_PLUGIN } from '../../launch/services.ts';
import { completedInStatistics, faultsOf, instancesByModality } from '../soak/check-results.ts';
import { hasMlflow, hasMlflowPostgresDriver } from '../support/mlflow.ts';
import { hasPostgres } from '../support/postgres.ts';
import { hasOrthanc } from '../support/server.ts';
import { aSmallStudy } from '../support/small-study.ts';
import { until } from '../support/until.ts';
import { WholeSystem } from '../support/whole-system.ts';

const possible = { sqlite: hasOrthanc && hasMlflow, postgres: hasOrthanc && hasMlflow && hasPostgres && hasMlflowPostgresDriver && existsSync(ORTHANC_POSTGRES_PLUGIN) };

describe.each(['sqlite', 'postgres'] as const)('a backup of an installation on %s', kind => {
  describe.skipIf(!possible[kind])('that runs', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cerebloom-backup-'));
    const backup = join(folder, 'backup');
    let system: WholeSystem;
    let reviewed: Run;
    let pseudonyms: Record<string, string | null>;
    /** How far the archive's changes had been read. */
    let position: number;

    const command = (name: 'backup' | 'restore', ...args: string[]) => promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', `launch/${name}.ts`, ...args], {
      env: { ...system.env, ORTHANC_DATABASE_URL: system.databaseUrls.orthanc, MLFLOW_DATABASE_URL: system.databaseUrls.mlflow },
    });
    const refusal = (name: 'backup' | 'restore', ...args: string[]): Promise<string> => command(name, ...args).then(() => 'nothing was refused', (error: { stderr: string }) => error.stderr);
    const pseudonymsByStudy = async () => Object.fromEntries((await system.db.selectFrom('runs').select(['study_uid', 'patient_pseudonym']).execute()).map(row => [row.study_uid, row.patient_pseudonym]));
    const runsOf = async (studyUid: string) => (await (await system.api(`/api/v1/runs?study=${studyUid}`)).json() as RunPage).runs;
    /** Sends a study, for which the rules want a run. */
    const arrives = async (name: string): Promise<Run> => {
      const study = aSmallStudy(name);
      await system.send(study);
      return until('The study is routed', async () => (await runsOf(study.uid))[0], 60_000);
    };
    const cursor = () => system.db.selectFrom('cursors').selectAll().where('name', '=', 'orthanc-changes').executeTakeFirstOrThrow();

    beforeAll(async () => {
      const rules = join(folder, 'routing.json');
      writeFileSync(rules, JSON.stringify({ rules: [{ name: 'all', when: {}, action: 'segment' }] }));
      system = await WholeSystem.start({ database: kind, allOnPostgres: kind === 'postgres', env: { ROUTING: 'true', ROUTING_FILE: rules } });
      reviewed = await system.ended((await arrives('reviewed')).id);
      expect((await system.post(`/api/v1/runs/${reviewed.id}/review`, { decision: 'accepted', comment: 'kept' })).status).toBe(200);
      const second = await system.ended((await arrives('second')).id);
      expect(await faultsOf(system, second)).toEqual([]);
      pseudonyms = await pseudonymsByStudy();
      await system.part('worker').kill();
      await arrives('still queued');
      await command('backup', backup);
      position = (await cursor()).position;

      for (const name of ['gateway', 'orthanc', 'mlflow']) await system.part(name).stop();
      await system.db.destroy();
      rmSync(system.home, { recursive: true });
      if (kind === 'postgres') {
        for (const url of [system.env.DATABASE_URL!, ...Object.values(system.databaseUrls)]) {
          const client = new pg.Client(url);
          await client.connect();
          await client.query('drop schema public cascade');
          await client.end();
        }
      }
    }, 300_000);
    afterAll(async () => {
      await system?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    it('is not written into a folder that has something', async () => {
      expect(await refusal('backup', backup)).toContain('is not empty');
    });

    it('brings everything back when all is destroyed', async () => {
      await command('restore', backup);
      system.db = await openDatabase(system.env.DATABASE_URL!);
      expect((await cursor()).position).toBeGreaterThan(0);
      expect((await cursor()).position).toBeLessThanOrEqual(position);
      for (const name of ['orthanc', 'mlflow', 'gateway', 'worker']) await system.part(name).start();

      expect(await (await system.api(`/api/v1/runs/${reviewed.id}`)).json()).toMatchObject({ state: 'completed', result: reviewed.result, review: { decision: 'accepted', comment: 'kept' } });
      expect(await instancesByModality(system, reviewed.studyInstanceUid)).toMatchObject({ MR: 96, SEG: 1, SR: 2 });
      expect((await system.api(`/api/v1/runs/${reviewed.id}/picture`)).status).toBe(200);
      expect(await pseudonymsByStudy()).toMatchObject(pseudonyms);
    });

    it('brings back the run that waited and how far the changes were read, so that each study leaves one result', async () => {
      const last = await system.ended((await arrives('after the restore')).id);
      const { runs } = await (await system.api('/api/v1/runs')).json() as RunPage;
      const ended = await Promise.all(runs.map(({ id }) => system.ended(id)));
      expect(ended.map(run => [run.state, run.trigger])).toEqual(Array.from({ length: 4 }, () => ['completed', 'routing']));
      expect(new Set(ended.map(run => run.studyInstanceUid)).size).toBe(4);
      const faults = [];
      for (const run of [...ended, last]) if (run.id !== reviewed.id) faults.push(...await faultsOf(system, run));
      expect(faults).toEqual([]);
      expect(await completedInStatistics(system)).toBe(4);
    });

    it('brings back an audit log whose chain is whole, and says in it that there was a restore', async () => {
      const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', 'inference-server/src/cli/audit.ts', 'verify'], { env: system.env });
      expect(stdout).toContain('all there and unchanged');
      expect(await system.db.selectFrom('audit').selectAll().where('action', '=', 'system.restore').execute()).toHaveLength(1);
    });

    it('does not overwrite an installation unless it is told to', async () => {
      expect(await refusal('restore', backup)).toContain('There is an installation already');
    });

    it('is refused when a file of it was changed', async () => {
      const name = readdirSync(backup).find(file => /^cerebloom\.(db|dump)$/.test(file))!;
      appendFileSync(join(backup, name), 'x');
      expect(await refusal('restore', backup, '--replace')).toContain(`${name} is missing or not what was backed up`);
    });
  });
});
