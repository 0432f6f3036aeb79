/**
 * Runs the commands of package.json. Plain JavaScript without dependencies, because it is what runs on a fresh clone:
 * under the system's Node 20, before anything is installed.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { step } from './progress.mjs';
import { withSetUpLock } from './set-up-lock.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const tools = join(root, '.cerebloom');

/** File of each command; `setUp` names the part of launch/set-up.ts that must have run before. */
const COMMANDS = {
  start: { file: 'launch/start.ts', setUp: 'start' },
  test: { file: 'launch/test.ts', setUp: 'test' },
  segment: { file: 'inference-server/src/cli/segment.ts' },
  evaluate: { file: 'inference-server/src/cli/evaluate.ts' },
  models: { file: 'inference-server/src/cli/models.ts' },
  route: { file: 'inference-server/src/cli/route.ts' },
  tokens: { file: 'inference-server/src/cli/tokens.ts' },
  audit: { file: 'inference-server/src/cli/audit.ts' },
  log: { file: 'inference-server/src/cli/log.ts' },
  doctor: { file: 'launch/doctor.ts' },
  pseudonyms: { file: 'inference-server/src/cli/pseudonyms.ts' },
  worker: { file: 'inference-server/src/worker.ts' },
  fuzz: { file: 'test/fuzz/fuzz.ts', setUp: 'test' },
  sbom: { file: 'launch/sbom.ts' },
  bench: { file: 'test/bench/bench.ts' },
  migrations: { file: 'inference-server/src/cli/migrations.ts' },
  capacity: { file: 'test/load/print-capacity.ts' },
  backup: { file: 'launch/backup.ts' },
  restore: { file: 'launch/restore.ts' },
  soak: { file: 'test/soak/soak.ts' },
};

/** The Node that the project runs under where the system's is older than 22.19: its version, and what npm must find. */
const NODE_VERSION = '24.21.0';
const NODE_INTEGRITY = {
  x64: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  arm64: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
};
const MEGABYTE = 1_000_000;
const NODE_BYTES = 250 * MEGABYTE;
const PACKAGES_BYTES = 700 * MEGABYTE;

class RunError extends Error {}

const [name, ...args] = process.argv.slice(2);
try {
  process.exitCode = await main(name, args);
} catch (error) {
  if (!(error instanceof RunError)) throw error;
  process.stderr.write(`\n${error.message}\n`);
  process.exitCode = 1;
}

async function main(name, args) {
  const command = Object.hasOwn(COMMANDS, name ?? '') ? COMMANDS[name] : undefined;
  if (!command) throw new RunError(`There is no command ${name ?? ''}; the commands are ${Object.keys(COMMANDS).join(', ')}`);
  if (Number(process.versions.node.split('.')[0]) < 20) throw new RunError(`Node ${process.versions.node} is too old: install Node 20 or later`);
  const node = runsUnder(process.versions.node) ? process.execPath : nodeFile();
  if (!isSetUp(node)) await withSetUpLock(tools, () => setUpNode(node));
  if (command.setUp) {
    const code = await withSetUpLock(tools, () => runTypeScript(node, 'launch/set-up.ts', [command.setUp]));
    if (code !== 0) return code;
  }
  return runTypeScript(node, command.file, args);
}

// --- Node and its packages ---

/** 22.19 is the first that runs TypeScript without a flag or a warning that can't be turned off; 23 has ended. */
function runsUnder(version) {
  const [major, minor] = version.split('.').map(Number);
  return major >= 24 || (major === 22 && minor >= 19);
}

function nodePackage() {
  if (!(process.arch in NODE_INTEGRITY)) throw new RunError(`Node ${process.versions.node} is too old and no newer one is known for ${process.arch}: install Node 24`);
  return `node-linux-${process.arch}`;
}

function nodeFile() {
  return join(tools, 'node/node_modules', nodePackage(), 'bin/node');
}

function isSetUp(node) {
  return (node === process.execPath || nodeIsThere()) && packagesAreThere();
}

async function setUpNode(node) {
  if (isSetUp(node)) return; // another command has done it while this one waited
  const needsNode = node !== process.execPath && !nodeIsThere();
  const needsPackages = !packagesAreThere();
  requireSpace((needsNode ? NODE_BYTES : 0) + (needsPackages ? PACKAGES_BYTES : 0));
  if (needsNode) await step(`Node ${NODE_VERSION}: installing (this system has ${process.versions.node})`, installNode);
  if (needsPackages) await step('Node packages: installing', installPackages);
}

function nodeIsThere() {
  const installed = readJson(join(tools, 'node/node_modules/.package-lock.json'))?.packages?.[`node_modules/${nodePackage()}`];
  return installed?.version === NODE_VERSION && existsSync(nodeFile());
}

async function installNode() {
  const folder = join(tools, 'node');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
  // The platform's package itself: the `node` package only fetches it, by an install script.
  await npm(['install', '--ignore-scripts', '--save-exact', `${nodePackage()}@${NODE_VERSION}`], folder);
  const integrity = readJson(join(folder, 'node_modules/.package-lock.json'))?.packages?.[`node_modules/${nodePackage()}`]?.integrity;
  if (integrity !== NODE_INTEGRITY[process.arch]) throw new RunError(`The package registry gave a Node ${NODE_VERSION} that is not the known one (${integrity}); use another registry or install Node 24`);
}

/** Whether every package of the lock file is there in that version; npm writes the list when it has finished. */
function packagesAreThere() {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages ?? {};
  const installed = readJson(join(root, 'node_modules/.package-lock.json'))?.packages;
  if (!installed) return false;
  return Object.entries(wanted).every(([path, entry]) => path === '' || entry.optional || installed[path]?.version === entry.version);
}

async function installPackages() {
  // The CPU library is inside onnxruntime-node; its install script would fetch the one for GPUs.
  await npm(['ci'], root, { ONNXRUNTIME_NODE_INSTALL: 'skip' });
}

/** Runs under the system's Node, which is the one that the system's npm fits. */
async function npm(args, folder, env = {}) {
  const { code, output } = await capture('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], folder, env);
  if (code === 0) return;
  if (code === undefined) throw new RunError('npm was not found: install npm (it belongs to Node)');
  const tail = output.trimEnd().split('\n').slice(-12).join('\n');
  if (/ENOSPC|no space left/i.test(output)) throw new RunError(`The disk of ${folder} is full: free some space and run the same command again`);
  if (/ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|network/i.test(output)) {
    throw new RunError(`npm can't reach its registry: check the network, or set a proxy (HTTPS_PROXY) or another registry (npm config set registry), then run the same command again\n${tail}`);
  }
  throw new RunError(`npm ${args[0]} failed:\n${tail}`);
}

function requireSpace(bytes) {
  const { bavail, bsize } = statfsSync(root);
  if (bavail * bsize < bytes) {
    throw new RunError(`${root} has ${Math.round((bavail * bsize) / MEGABYTE)} MB free and the set-up needs ${Math.round(bytes / MEGABYTE)} MB: free some space and run the same command again`);
  }
}

function readJson(file) {
  try {
    return JSON.parse(readOr(file, ''));
  } catch {
    return undefined; // absent or half written: to be made
  }
}

function capture(file, args, cwd, env) {
  return new Promise(done => {
    let output = '';
    const child = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { output = (output + chunk).slice(-100_000); });
    child.once('error', () => done({ code: undefined, output }));
    child.once('close', code => done({ code, output }));
  });
}

// --- the command itself ---

/**
 * Paths on the command line are meant from where it was typed, so it runs there (npm has moved to the root);
 * what the project itself keeps is named from the root.
 */
function runTypeScript(node, file, args) {
  return new Promise((done, fail) => {
    const child = spawn(...dyingWithThis(node, ['--disable-warning=ExperimentalWarning', join(root, file), ...args]), {
      cwd: process.env.INIT_CWD ?? process.cwd(),
      env: {
        ...process.env,
        PATH: `${dirname(node)}:${process.env.PATH}`,
        CEREBLOOM_HOME: process.env.CEREBLOOM_HOME || tools,
        MODELS_DIR: process.env.MODELS_DIR || join(root, 'models'),
        ROUTING_FILE: process.env.ROUTING_FILE || join(root, 'orthanc-config/routing.json'),
      },
      stdio: 'inherit',
    });
    const forward = signal => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, forward);
    const watch = stopWhenNpmIsGone(child);
    child.once('error', fail);
    child.once('exit', (code, signal) => {
      clearInterval(watch);
      for (const each of signals) process.off(each, forward);
      done(code ?? 128 + ({ SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 1));
    });
  });
}

/** setpriv (util-linux) has the kernel send SIGTERM to the command when this process is gone, even by SIGKILL; prlimit forbids core dumps, which would hold names. */
function dyingWithThis(file, args) {
  return existsSync('/usr/bin/setpriv') ? ['/usr/bin/prlimit', ['--core=0:0', '/usr/bin/setpriv', '--pdeathsig', 'TERM', '--', file, ...args]] : [file, args];
}

/** npm can't pass a SIGKILL on: when npm is gone, so is the one who could stop the command. */
function stopWhenNpmIsGone(child) {
  const npm = [process.ppid, parentOf(process.ppid)].find(isNpm); // a shell may be between
  return npm && setInterval(() => { if (!isNpm(npm)) child.kill('SIGTERM'); }, 1_000);
}

/** npm calls its process `npm start`. */
function isNpm(pid) {
  return readOr(`/proc/${pid}/cmdline`, '').startsWith('npm');
}

/** Field 4 of /proc/<pid>/stat; the second one, the name in parentheses, may have spaces. */
function parentOf(pid) {
  const stat = readOr(`/proc/${pid}/stat`, '');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function readOr(file, otherwise) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return otherwise;
  }
}
