/**
 * `npm run sbom [-- --out file] [-- --licences]`: what the installation consists of, as CycloneDX 1.6 (JSON), or a list of
 * licences. From the lock files: npm packages without those for development, MLflow's Python packages, OHIF, Node, models.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DEEPBET_WHEEL } from '../inference-server/src/adapters/deepbet-network.ts';
import { OHIF_INTEGRITY, OHIF_VERSION } from './install-ohif.ts';
import { MLFLOW_PYTHON, ROOT } from './paths.ts';

export interface Component {
  readonly type: 'library' | 'application' | 'machine-learning-model';
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  /** SPDX expression, or what the package says itself; null where nobody has looked. */
  readonly licence: string | null;
  /** Hexadecimal. */
  readonly hashes: readonly { readonly alg: 'SHA-256' | 'SHA-512'; readonly content: string }[];
}

const readText = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const sha512 = (integrity: string | undefined): Component['hashes'] =>
  (integrity?.startsWith('sha512-') ? [{ alg: 'SHA-512', content: Buffer.from(integrity.slice(7), 'base64').toString('hex') }] : []);

interface Locked { version: string; license?: string; integrity?: string; dev?: boolean; devOptional?: boolean }

function npmPackages(): Component[] {
  const { packages } = JSON.parse(readText('package-lock.json')) as { packages: Record<string, Locked> };
  return Object.entries(packages).filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional).map(([path, { version, license = null, integrity }]) => {
    const name = path.slice(path.lastIndexOf('node_modules/') + 13);
    return { type: 'library', name, version, purl: `pkg:npm/${name.replace('@', '%40')}@${version}`, licence: license, hashes: sha512(integrity) };
  });
}

/** One of the versions that the list has for different Pythons: the installed one, else each. */
function pythonPackages(): Component[] {
  const blocks = readText('launch/mlflow-requirements.txt').split(/\n(?=[A-Za-z])/).filter(block => /^[\w.-]+==/.test(block));
  const installed = existsSync(MLFLOW_PYTHON) ? pythonMetadata() : undefined;
  return blocks.flatMap(block => {
    const [, name, version] = /^([\w.-]+)==([^\s;\\]+)/.exec(block)!;
    const known = installed?.[normal(name!)];
    if (known && known.version !== version) return [];
    const hashes = [...block.matchAll(/--hash=sha256:([0-9a-f]{64})/g)].map(([, content]) => ({ alg: 'SHA-256' as const, content: content! }));
    return [{ type: 'library' as const, name: name!, version: version!, purl: `pkg:pypi/${normal(name!)}@${version}`, licence: known?.licence || null, hashes }];
  });
}
const normal = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, '-');

/** Expression, classifier or word, in the order in which packages have come to say it (PEP 639). */
const METADATA = `
import importlib.metadata as m, json
def licence(d):
    named = [c.split(' :: ')[-1] for c in d.get_all('Classifier') or [] if c.startswith('License ::')]
    return d.get('License-Expression') or ' OR '.join(named) or (d.get('License') or '').split('\\n')[0][:80]
print(json.dumps([[d.metadata['Name'], d.version, licence(d.metadata)] for d in m.distributions()]))`;

function pythonMetadata(): Record<string, { version: string; licence: string }> {
  const rows = JSON.parse(execFileSync(MLFLOW_PYTHON, ['-c', METADATA], { encoding: 'utf8' })) as [string, string, string][];
  return Object.fromEntries(rows.map(([name, version, licence]) => [normal(name), { version, licence }]));
}

function models(): Component[] {
  return readdirSync(join(ROOT, 'models')).filter(id => existsSync(join(ROOT, 'models', id, 'manifest.json'))).map(id => {
    const manifest = JSON.parse(readText(`models/${id}/manifest.json`)) as { version: string; licence: string; sha256?: string; files?: { sha256: string }[] };
    const hashes = [manifest.sha256, ...(manifest.files ?? []).map(file => file.sha256)].filter(hash => hash !== undefined);
    return { type: 'machine-learning-model', name: id, version: manifest.version, licence: manifest.licence, hashes: hashes.map(content => ({ alg: 'SHA-256', content })) };
  });
}

function others(): Component[] {
  const run = readText('launch/run.mjs');
  const node = /NODE_VERSION = '([^']+)'/.exec(run)![1]!;
  const [deepbet, version] = DEEPBET_WHEEL.requirement.split('==') as [string, string];
  return [
    { type: 'application', name: '@ohif/app', version: OHIF_VERSION, purl: `pkg:npm/%40ohif/app@${OHIF_VERSION}`, licence: 'MIT', hashes: sha512(OHIF_INTEGRITY) },
    { type: 'application', name: 'node', version: node, purl: `pkg:generic/node@${node}`, licence: 'MIT', hashes: [...run.matchAll(/'(sha512-[^']+)'/g)].flatMap(([, integrity]) => sha512(integrity)) },
    { type: 'application', name: 'orthanc', version: 'of the distribution', purl: 'pkg:deb/debian/orthanc', licence: 'GPL-3.0-or-later', hashes: [] },
    { type: 'application', name: 'orthanc-dicomweb', version: 'of the distribution', purl: 'pkg:deb/debian/orthanc-dicomweb', licence: 'AGPL-3.0-or-later', hashes: [] },
    { type: 'machine-learning-model', name: deepbet, version, purl: `pkg:pypi/${deepbet}@${version}`, licence: 'MIT', hashes: [{ alg: 'SHA-256', content: DEEPBET_WHEEL.sha256 }] },
  ];
}

export const components = (): Component[] => [...others(), ...models(), ...npmPackages(), ...pythonPackages()];

export function cycloneDx(all: readonly Component[], at: Date): object {
  const { name, version, license } = JSON.parse(readText('package.json')) as { name: string; version: string; license: string };
  const id = createHash('sha256').update(JSON.stringify(all)).digest('hex');
  const seen = new Map<string, number>();
  const reference = (of: string): string => {
    const count = (seen.get(of) ?? 0) + 1;
    seen.set(of, count);
    return count === 1 ? of : `${of}#${count}`;
  };
  return {
    bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber: `urn:uuid:${id.slice(0, 8)}-${id.slice(8, 12)}-5${id.slice(13, 16)}-8${id.slice(17, 20)}-${id.slice(20, 32)}`, version: 1,
    metadata: { timestamp: at.toISOString(), component: { type: 'application', 'bom-ref': name, name, version, licenses: [{ license: { id: license } }] } },
    components: all.map(({ licence, purl, hashes, ...rest }) => ({
      ...rest, 'bom-ref': reference(purl ?? `${rest.name}@${rest.version}`), ...(purl && { purl }), hashes,
      licenses: licence === null ? [] : [/^[\w.+-]+$/.test(licence) ? { license: { name: licence } } : /^[\w.+() -]+$/.test(licence) && /^\(?[A-Z0-9][\w.-]* (OR|AND) /.test(licence) ? { expression: licence } : { license: { name: licence } }],
    })),
  };
}

function licences(all: readonly Component[]): string {
  const by = Map.groupBy(all, ({ licence }) => licence ?? 'not known here');
  return [...by].sort(([a], [b]) => a.localeCompare(b)).map(([licence, of]) => `${licence} (${of.length})\n${of.map(({ name, version }) => `  ${name} ${version}\n`).join('')}`).join('\n');
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: 'string' }, licences: { type: 'boolean' } } });
  const text = values.licences ? licences(components()) : `${JSON.stringify(cycloneDx(components(), new Date()), null, 2)}\n`;
  if (values.out) writeFileSync(values.out, text);
  else process.stdout.write(text);
}
