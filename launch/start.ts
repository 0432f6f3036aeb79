/**
 * `npm start`: runs Orthanc, MLflow, the gateway and the worker under one supervisor until it is told to stop
 * (Ctrl-C, SIGTERM, SIGHUP: exit code 0) or a part keeps ending (exit code 1).
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stop as stopEsbuild } from 'esbuild';
import { buildPlugins } from '../extension/build.ts';
import { buildPages } from '../pages/build.ts';
import { demoStudyUid } from '../demo/src/make-demo-study.ts';
import { makeDemoToken } from './demo-token.ts';
import { mustExecute } from './execute.ts';
import { statusAt, waitUntilHealthy } from './health.ts';
import { takeHome } from './home-lock.ts';
import { type Installation, readInstallation, serverEnvironment, wantedPorts } from './installation.ts';
import { LaunchError } from './launch-error.ts';
import { MLFLOW_PYTHON, ROOT } from './paths.ts';
import { requireFreePorts } from './ports.ts';
import { step } from './progress.mjs';
import { runMain } from './run-main.ts';
import { healthy, spawnGateway, spawnMlflow, spawnOrthanc, spawnWorker } from './services.ts';
import { Supervisor } from './supervisor.ts';

/** What scripts read from `<home>/demo.json`. */
interface Demo {
  readonly url: string;
  readonly token: string;
  readonly mlflowUrl: string;
  readonly orthancUrl: string;
  readonly studyInstanceUid: string | null;
}

const say = (sentence: string): void => { process.stdout.write(`${sentence}\n`); };

async function start(installation: Installation, supervisor: Supervisor): Promise<void> {
  const { home, orthancUrl } = installation;
  const env = serverEnvironment(installation, process.env);
  await buildPlugins(installation.pluginsDir);
  await buildPages(installation.pluginsDir);
  await stopEsbuild(); // its helper process would stay
  const token = await step('Starting Orthanc, MLflow, gateway and worker', async () => {
    const orthanc = supervisor.keep({ spawn: () => spawnOrthanc({ home, httpPort: installation.orthancPort, dicomPort: installation.orthancDicomPort, dicomAccess: installation.dicomAccess }), ready: healthy });
    const mlflow = supervisor.keep({ spawn: () => spawnMlflow({ home, port: installation.mlflowPort, python: MLFLOW_PYTHON }), ready: healthy });
    const own = startOwnParts(installation, supervisor, env);
    const [{ token: made, gateway }] = await Promise.all([own, orthanc, mlflow]);
    await waitUntilHealthy(gateway, `${installation.url}/health/ready`, 60_000, { Authorization: `Bearer ${made}` });
    return made;
  });
  const demo: Omit<Demo, 'studyInstanceUid'> = { url: installation.url, token, mlflowUrl: installation.mlflowUrl, orthancUrl };
  const studyInstanceUid = await loadDemoStudy(installation);
  writeFileSync(join(home, 'demo.json'), `${JSON.stringify({ ...demo, studyInstanceUid } satisfies Demo, null, 2)}\n`, { mode: 0o600 });
  if (!supervisor.stopping) say(welcome(installation, demo.token, studyInstanceUid));
}

/** The token is made first: making it is what creates the database, which two processes must not do at once. */
async function startOwnParts(installation: Installation, supervisor: Supervisor, env: Record<string, string | undefined>) {
  const { home } = installation;
  const kept = readDemo(home)?.token;
  const token = kept ?? await makeDemoToken(env);
  const gateway = await supervisor.keep({ spawn: () => spawnGateway({ home, env }), ready: healthy });
  await supervisor.keep({ spawn: () => spawnWorker({ home, env }), ready: async () => {} });
  if (kept === undefined || await isAccepted(installation.url, kept)) return { token, gateway };
  return { token: await makeDemoToken(env), gateway };
}

const isAccepted = async (url: string, token: string): Promise<boolean> =>
  await statusAt(`${url}/api/v1/models`, { Authorization: `Bearer ${token}` }) !== 401;

function readDemo(home: string): Partial<Demo> | undefined {
  try {
    return JSON.parse(readFileSync(join(home, 'demo.json'), 'utf8')) as Partial<Demo>;
  } catch {
    return undefined; // the first start
  }
}

/**
 * Fills an empty Orthanc; a case that is asked for by CEREBLOOM_DEMO_CASE comes beside what is there.
 * @returns the UID of the study to look at, null where someone has deleted it.
 */
async function loadDemoStudy({ home, orthancUrl, demoCase }: Installation): Promise<string | null> {
  const uid = demoStudyUid({ caseDir: demoCase });
  const unfinished = join(home, 'demo-study-unfinished');
  const wanted = existsSync(unfinished) || await isEmpty(orthancUrl) || (demoCase !== undefined && !(await has(orthancUrl, uid)));
  if (wanted) {
    writeFileSync(unfinished, '');
    const args = ['--disable-warning=ExperimentalWarning', join(ROOT, 'launch/demo-study.ts'), orthancUrl, ...(demoCase ? [demoCase] : [])];
    await step(demoCase ? 'Demo study: writing the case as DICOM' : 'Demo study: computing the head phantom', () =>
      mustExecute('The demo study could not be made', process.execPath, args, { cwd: ROOT }));
    rmSync(unfinished);
    return uid;
  }
  const before = readDemo(home)?.studyInstanceUid;
  for (const candidate of [demoCase ? uid : before, uid]) if (candidate && await has(orthancUrl, candidate)) return candidate;
  return null;
}

const isEmpty = async (orthancUrl: string): Promise<boolean> =>
  ((await (await fetch(`${orthancUrl}/statistics`)).json()) as { CountStudies: number }).CountStudies === 0;

const has = async (orthancUrl: string, studyUid: string): Promise<boolean> =>
  ((await (await fetch(`${orthancUrl}/tools/lookup`, { method: 'POST', body: studyUid })).json()) as unknown[]).length > 0;

function welcome({ home, url, orthancDicomPort, mlflowUrl }: Installation, token: string, studyInstanceUid: string | null): string {
  const study = studyInstanceUid ? `${url}/cerebloom?StudyInstanceUIDs=${studyInstanceUid}` : url;
  return `
CereBloom is running.

  Open       ${study}
  Sign in    with the token  ${token}
  Then       click "Segment tumour" in the toolbar

  Work list  ${url}/work-list (every study with its state; segment several at once)
  Dashboard  ${url}/dashboard
  Studies    ${url}/ (drop DICOM files on it, or send them to the DICOM port ${orthancDicomPort})
  API        ${url}/docs
  MLflow     ${mlflowUrl}
  Scripts    ${join(home, 'demo.json')} has the address and the token
  Logs       ${join(home, 'logs')}

Ctrl-C stops everything. Not a medical device.`;
}

async function main(): Promise<number> {
  process.umask(0o077); // images, results and keys are this user's only
  const installation = readInstallation(process.env);
  const leaveHome = takeHome(installation.home, installation.url);
  const { promise: ending, resolve: end } = Promise.withResolvers<LaunchError | undefined>();
  const supervisor = new Supervisor({ say, onGivingUp: end });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(undefined));
  try {
    await requireFreePorts(wantedPorts(installation));
    const started = start(installation, supervisor);
    const failure = await Promise.race([ending, started.then(() => ending)]);
    if (failure) throw failure;
    say('\nStopping …');
    return 0;
  } finally {
    await supervisor.stop();
    leaveHome();
  }
}

await runMain(async () => process.exit(await main()));
