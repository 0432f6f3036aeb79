/**
 * `npm test`: type check, lint, `npm audit`, unit, integration and end-to-end tests, one after the other; `npm test -- unit lint`
 * runs only those. The last line is `N passed, N failed, N skipped`; type check, lint and audit count as one test each.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NOT_ANSWERED } from './npm-audit.ts';
import { ROOT } from './paths.ts';
import { addTallies, countTests, type Tally } from './test-tally.ts';

const OUTPUT = join(ROOT, 'test-output');
const binary = (path: string): string => join(ROOT, 'node_modules', path);
const PARTS: Readonly<Record<string, () => Promise<Tally>>> = {
  types: () => oneTest(binary('typescript/bin/tsc'), ['-p', ROOT]),
  lint: () => oneTest(binary('eslint/bin/eslint.js'), [ROOT]),
  audit: () => auditTest(),
  unit: () => vitest('unit'),
  integration: () => vitest('integration'),
  e2e: () => vitest('e2e'),
};

async function oneTest(file: string, args: readonly string[]): Promise<Tally> {
  const passed = await run(file, args) === 0;
  return { passed: Number(passed), failed: Number(!passed), skipped: 0 };
}

/** Skipped, and said so, where the registry in use does not answer such questions. */
async function auditTest(): Promise<Tally> {
  const code = await run(join(ROOT, 'launch/npm-audit.ts'), []);
  return { passed: Number(code === 0), failed: Number(code !== 0 && code !== NOT_ANSWERED), skipped: Number(code === NOT_ANSWERED) };
}

async function vitest(project: string): Promise<Tally> {
  const report = join(OUTPUT, `${project}.json`);
  rmSync(report, { force: true });
  const code = await run(binary('vitest/vitest.mjs'), ['run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]);
  return countTests(readReport(report), code);
}

function readReport(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined; // vitest itself failed
  }
}

function run(file: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file, ...args], { cwd: ROOT, stdio: 'inherit' });
    let askedToStop = false;
    const forward = (signal: NodeJS.Signals): void => {
      askedToStop = true;
      child.kill(signal);
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    for (const signal of signals) process.on(signal, forward);
    child.once('error', reject);
    child.once('exit', code => {
      for (const each of signals) process.off(each, forward);
      if (askedToStop) process.exit(1);
      resolve(code ?? 1);
    });
  });
}

async function main(asked: readonly string[]): Promise<void> {
  const unknown = asked.filter(name => !Object.hasOwn(PARTS, name));
  if (unknown.length > 0) {
    process.stderr.write(`There is no part ${unknown.join(', ')}; the parts are ${Object.keys(PARTS).join(', ')}\n`);
    process.exitCode = 1;
    return;
  }
  mkdirSync(OUTPUT, { recursive: true });
  let total: Tally = { passed: 0, failed: 0, skipped: 0 };
  for (const [name, part] of Object.entries(PARTS)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    process.stdout.write(`\n=== ${name}\n`);
    const startedMs = performance.now();
    const tally = await part();
    total = addTallies(total, tally);
    process.stdout.write(`--- ${name}: ${sentence(tally)} (${Math.round((performance.now() - startedMs) / 1000)} s)\n`);
  }
  process.stdout.write(`\n${sentence(total)}\n`);
  process.exitCode = total.failed === 0 ? 0 : 1;
}

const sentence = ({ passed, failed, skipped }: Tally): string => `${passed} passed, ${failed} failed, ${skipped} skipped`;

await main(process.argv.slice(2));
