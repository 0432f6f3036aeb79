/** What `npm run doctor` finds. */
import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ModelStore } from '../inference-server/src/adapters/model-store.ts';
import { readRouting, RoutingFileError } from '../inference-server/src/adapters/routing-file.ts';
import { ConfigError, modelFolders, readConfig, type Config } from '../inference-server/src/config.ts';
import type { Health } from '../inference-server/src/contract/health.ts';
import { AppError } from '../inference-server/src/domain/errors.ts';
import { isMlflowInstalled } from './install-mlflow.ts';
import { isOhifInstalled } from './install-ohif.ts';
import { readInstallation, serverEnvironment, wantedPorts, type Installation } from './installation.ts';
import { lastLines } from './child-process.ts';
import { processListeningOn } from './ports.ts';
import { missingPackages, START_PACKAGES } from './system-packages.ts';

export interface Finding {
  readonly part: string;
  /** `note`: works, but someone should know. */
  readonly verdict: 'well' | 'note' | 'wrong';
  readonly found: string;
  readonly remedy?: string;
}

const well = (part: string, found: string): Finding => ({ part, verdict: 'well', found });
const note = (part: string, found: string, remedy: string): Finding => ({ part, verdict: 'note', found, remedy });
const wrong = (part: string, found: string, remedy: string): Finding => ({ part, verdict: 'wrong', found, remedy });

const LEAST_MEGABYTES = 2_000;
const ANSWER_MS = 5_000;
const LONG_UNTOLD_SECONDS = 600;

/** Looks at what is installed, at what is kept and, where it runs, at what runs. @throws LaunchError for bad ports */
export async function diagnose(env: Readonly<Record<string, string | undefined>>): Promise<Finding[]> {
  const installation = readInstallation(env);
  const config = settings(installation, env);
  const isRunning = (await get(`${installation.url}/health/live`))?.ok ?? false;
  return [
    software(), disk(installation), home(installation),
    ...(config instanceof ConfigError ? [wrong('settings', config.message, 'correct the variable that is named and start again')] : [
      database(config), await model(config), await brainExtraction(config), routing(config),
    ]),
    ...(isRunning ? await runningParts(installation) : ports(installation)),
  ];
}

function settings(installation: Installation, env: Readonly<Record<string, string | undefined>>): Config | ConfigError {
  try {
    return readConfig(serverEnvironment(installation, env));
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

function software(): Finding {
  const absent = [...missingPackages(START_PACKAGES), ...(isMlflowInstalled() ? [] : ['MLflow']), ...(isOhifInstalled() ? [] : ['OHIF'])];
  return absent.length === 0 ? well('software', `Node ${process.versions.node}, Orthanc, MLflow and OHIF are installed`)
    : wrong('software', `not installed: ${absent.join(', ')}`, 'npm start installs what is missing; it says why when it can\'t');
}

function disk({ home: folder }: Installation): Finding {
  const { bavail, bsize } = statfsSync(existing(folder));
  const megabytes = Math.round((bavail * bsize) / 1e6);
  return megabytes >= LEAST_MEGABYTES ? well('disk', `${megabytes} MB are free in ${folder}`)
    : wrong('disk', `only ${megabytes} MB are free in ${folder}`, 'free some space: images, results and pictures need it, and runs wait without (DISK_FULL)');
}

function home({ home: folder }: Installation): Finding {
  if (!existsSync(folder)) return note('home', `${folder} is not there yet`, 'npm start makes it; set CEREBLOOM_HOME if yours is elsewhere');
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return well('home', folder);
  } catch {
    return wrong('home', `${folder} can't be written by this user`, 'start as the user whom it belongs to, or change its owner (chown -R)');
  }
}

/** Only looks: opening it as the gateway does would bring it to the present form. */
function database({ DATABASE_URL, CEREBLOOM_HOME }: Config): Finding {
  if (DATABASE_URL?.startsWith('postgres')) return well('database', 'PostgreSQL; the gateway says below whether it answers');
  const file = DATABASE_URL?.replace(/^sqlite:/, '') ?? join(CEREBLOOM_HOME, 'cerebloom.db');
  if (!existsSync(file)) return note('database', `${file} is not there yet`, 'the first start makes it');
  try {
    const db = new DatabaseSync(file, { readOnly: true, timeout: ANSWER_MS });
    try {
      const said = Object.values(db.prepare('PRAGMA quick_check(1)').get() ?? {})[0];
      if (said !== 'ok') return wrong('database', `${file} is damaged: ${String(said)}`, 'stop everything and put back the last backup; keep the damaged file');
      const { runs } = db.prepare('SELECT count(*) AS runs FROM runs').get() as { runs: number };
      return well('database', `${file} is whole and holds ${runs} runs`);
    } finally {
      db.close();
    }
  } catch (error) {
    return wrong('database', `${file} can't be read: ${(error as Error).message}`, 'is it the right file, and may this user read it? If it is damaged, put back the last backup');
  }
}

async function model(config: Config): Promise<Finding> {
  try {
    const models = new ModelStore(modelFolders(config));
    const stored = await models.find(config.DEFAULT_MODEL);
    await models.read(stored);
    return well('model', `${stored.manifest.id} ${stored.manifest.version} is the default, and its files are those of its manifest`);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const remedy = error.code === 'MODEL_NOT_FOUND' ? 'set DEFAULT_MODEL to one that is there, or add it: npm run models -- add'
      : error.code === 'MODEL_FILE_MISSING' ? `put the file back: git checkout models/${config.DEFAULT_MODEL} for one that ships with the project, else npm run models -- get ${config.DEFAULT_MODEL}`
        : 'npm run models -- verify names the file; put the right one back';
    return wrong('model', `${error.code}: ${error.message}`, remedy);
  }
}

async function brainExtraction(config: Config): Promise<Finding> {
  const there = modelFolders(config).some(folder => existsSync(join(folder, 'brain-extraction')));
  return there ? well('brain mask', 'the networks are there')
    : note('brain mask', 'the networks are not there: heads with skull get a simpler mask', 'npm run models -- get brain-extraction');
}

function routing(config: Config): Finding {
  if (!config.ROUTING) return note('routing', 'is turned off (ROUTING=false): nothing is segmented unless someone asks', 'ROUTING=true turns it on');
  try {
    return well('routing', `${readRouting(config.ROUTING_FILE).rules.length} rules in ${config.ROUTING_FILE}`);
  } catch (error) {
    if (!(error instanceof RoutingFileError)) throw error;
    return wrong('routing', error.message, 'npm run route -- check says what is wrong in the file');
  }
}

/** Before a start: whether anyone is in the way. */
function ports(installation: Installation): Finding[] {
  const taken = wantedPorts(installation).flatMap(({ part, variable, port }) => {
    const owner = processListeningOn(port);
    return owner ? [wrong('ports', `${port}, for ${part}, is taken by ${owner.name} (process ${owner.pid})`, `stop that, or choose another with ${variable}=<port>`)] : [];
  });
  return [note('gateway', `does not answer at ${installation.url}`, 'npm start starts everything; if it should be running, look at logs/gateway.log and set PORT if yours is another'),
    ...(taken.length > 0 ? taken : [well('ports', 'all are free')])];
}

const REMEDIES: Readonly<Record<keyof Health['checks'], string>> = {
  database: 'another program may hold it, or PostgreSQL is down: see logs/cerebloom.log',
  disk: 'free some space; runs go on by themselves',
  clock: 'set the clock of this machine (NTP)',
  routing: 'npm run route -- check',
  orthanc: 'look at logs/orthanc.log; is ORTHANC_URL right, and ORTHANC_USER and ORTHANC_PASSWORD?',
  model: 'npm run models -- verify',
  worker: 'look at logs/worker.log; npm run worker starts one',
  mlflow: 'nothing is lost: runs are published once it is back. Look at logs/mlflow.log',
};

async function runningParts(installation: Installation): Promise<Finding[]> {
  const token = tokenOf(installation);
  if (token === undefined) return [note('gateway', `answers at ${installation.url}`, 'there is no demo.json with a token, so that its parts can\'t be asked: GET /health/ready with a token of yours')];
  const authorization = { authorization: `Bearer ${token}` };
  const answer = await get(`${installation.url}/health/ready`, authorization);
  if (answer?.status === 401) return [wrong('gateway', 'refuses the token of demo.json', 'it was revoked: the next npm start makes another; npm run tokens -- list shows those there are')];
  const health = await answer?.json() as Health | undefined;
  if (!health?.checks) return [wrong('gateway', 'does not say how it is', 'look at logs/gateway.log')];
  const parts = Object.entries(health.checks).map(([name, { ok, detail, milliseconds }]) => {
    const part = `running ${name}`;
    if (ok) return well(part, `answers in ${milliseconds} ms`);
    const log = name === 'mlflow' || name === 'orthanc' ? lastLines(join(installation.home, `logs/${name}.log`), 1) : '';
    return (name === 'mlflow' ? note : wrong)(part, `${detail ?? 'does not answer'}${log ? `; its log ends with: ${log.slice(0, 200)}` : ''}`, REMEDIES[name as keyof Health['checks']]);
  });
  return [...parts, ...await statistics(installation, authorization)];
}

/** Why a dashboard may be empty, or MLflow behind. */
async function statistics({ url }: Installation, headers: Record<string, string>): Promise<Finding[]> {
  const summary = await (await get(`${url}/api/v1/mlops/statistics/summary`, headers))?.json() as { all_time?: { runs: number }; last_7_days?: { runs: number } } | undefined;
  const untold = Number(/^cerebloom_outbox_oldest_seconds (\S+)$/m.exec(await (await get(`${url}/metrics`, headers))?.text() ?? '')?.[1] ?? 0);
  const [all, week] = [summary?.all_time?.runs ?? 0, summary?.last_7_days?.runs ?? 0];
  return [
    week > 0 ? well('dashboard', `${week} runs ended in the last 7 days, ${all} in all`)
      : note('dashboard', all === 0 ? 'no run has ended yet, so that it is empty' : `no run ended in the last 7 days (${all} in all): choose a longer time there`, 'segment a study, or see why routed ones are skipped: npm run route -- explain <StudyInstanceUID>'),
    untold < LONG_UNTOLD_SECONDS ? well('publishing', 'MLflow has been told of every run, or is being told')
      : note('publishing', `MLflow has not been told of a run for ${Math.round(untold / 60)} minutes`, 'nothing is lost; grep "could not be told to MLflow" logs/cerebloom.log says why'),
  ];
}

function tokenOf({ home: folder }: Installation): string | undefined {
  try {
    return (JSON.parse(readFileSync(join(folder, 'demo.json'), 'utf8')) as { token?: string }).token;
  } catch {
    return undefined; // not started here, or as another user
  }
}

const get = (url: string, headers: Record<string, string> = {}): Promise<Response | undefined> =>
  fetch(url, { headers, signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => undefined);

const existing = (folder: string): string => (existsSync(folder) ? folder : existing(dirname(folder)));
