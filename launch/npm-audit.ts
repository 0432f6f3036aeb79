/**
 * What is known of holes in the npm packages that are in use: `npm audit` against the registry that is configured.
 * Exit code 1 for one that was not looked at, 3 where the registry does not answer such questions.
 */
import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { ROOT } from './paths.ts';

/** Advisories that were looked at and can't be met here, by address, with the reason. */
export const EXPLAINED: Readonly<Record<string, string>> = {};
export const NOT_ANSWERED = 3;

interface Report {
  readonly error?: { readonly summary?: string; readonly detail?: string };
  readonly message?: string;
  readonly vulnerabilities?: Readonly<Record<string, { readonly via: readonly (string | { readonly title: string; readonly url: string; readonly severity: string; readonly range: string })[] }>>;
}

export interface Audited {
  readonly exitCode: 0 | 1 | typeof NOT_ANSWERED;
  readonly lines: readonly string[];
}

/** @param said what `npm audit --json` printed. */
export function judge(said: string, explained = EXPLAINED): Audited {
  const report = read(said);
  if (!report?.vulnerabilities) {
    const why = report?.message ?? report?.error?.summary ?? 'no answer';
    return { exitCode: NOT_ANSWERED, lines: [`NOT LOOKED AT: the npm registry in use does not answer npm audit (${why.split('\n')[0]!.slice(0, 200)})`] };
  }
  const found = Object.entries(report.vulnerabilities).flatMap(([name, { via }]) => via.flatMap(of => (typeof of === 'string' ? [] : [{ name, ...of }])));
  const lines = found.map(({ name, title, url, severity, range }) => `${name} ${range}: ${severity}: ${title} (${url})${explained[url] === undefined ? '' : `; looked at: ${explained[url]}`}`);
  return { exitCode: found.some(({ url }) => explained[url] === undefined) ? 1 : 0, lines: lines.length > 0 ? lines : ['npm audit knows of nothing in the packages in use'] };
}

function read(said: string): Report | undefined {
  try {
    return JSON.parse(said) as Report;
  } catch {
    return undefined;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26, timeout: 120_000 });
  const { exitCode, lines } = judge(stdout ?? '');
  process.stdout.write(`${lines.join('\n')}\n`);
  process.exitCode = exitCode;
}
