import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { components, cycloneDx } from '../../../launch/sbom.ts';

const all = components();
/** Licences that may be distributed with the project, or beside it. A new one is looked at before it is listed. */
const ALLOWED = new Set([
  'MIT', 'MIT-0', 'MIT License', 'MIT license', 'ISC', '0BSD', 'Zlib', 'CC0-1.0', 'BlueOak-1.0.0', 'PSF-2.0', 'Python Software Foundation License', 'HPND', 'Unlicense',
  'Apache-2.0', 'Apache 2.0', 'Apache Software License', 'BSD', 'BSD License', 'BSD-2-Clause', 'BSD-3-Clause', '3-Clause BSD License', 'Dual License',
  // certificates of authorities, as they are
  'MPL-2.0', 'Mozilla Public License 2.0 (MPL 2.0)',
]);
/** Programs of their own, from the distribution: they are started, not linked. */
const BESIDE = new Set(['orthanc', 'orthanc-dicomweb']);
/** Python packages whose metadata say nothing; looked up by hand. */
const KNOWN: Readonly<Record<string, string>> = { huey: 'MIT' };

const blocks = (file: string) => readFileSync(file, 'utf8').split(/\n(?=[A-Za-z])/).filter(block => !block.startsWith('#'));

describe('what the project is made of', () => {
  it('has a licence that is allowed', () => {
    const others = all.filter(({ name, type }) => !BESIDE.has(name) && type !== 'machine-learning-model').flatMap(({ name, licence }) => {
      const said = licence ?? KNOWN[name];
      if (said === undefined || said === null) return []; // MLflow is not installed here
      const parts = ALLOWED.has(said) ? [] : said.replace(/[()]/g, '').split(/ AND | OR /).filter(part => !ALLOWED.has(part.trim()));
      return parts.length > 0 ? [`${name}: ${said}`] : [];
    });
    expect(others).toEqual([]);
    expect(all.filter(({ purl, licence }) => purl?.startsWith('pkg:npm/') && licence === null)).toEqual([]);
  });

  it('is known by its hash, but for what the distribution brings', () => {
    expect(all.filter(({ name, hashes }) => hashes.length === 0 && !BESIDE.has(name)).map(({ name }) => name)).toEqual([]);
  });

  it.each([['launch/mlflow-requirements.txt', 40], ['models/training/requirements.lock', 40], ['launch/mlflow-postgres-requirements.txt', 0]] as const)('is pinned by version and hash in %s', (file, more) => {
    const packages = blocks(file);
    expect(packages.length).toBeGreaterThan(more);
    for (const block of packages) expect(block).toMatch(/^[\w.[\]-]+==[^\s;\\]+[^\n]*\\\n( +--hash=sha256:[0-9a-f]{64}( \\)?\n?)+$/);
    expect(readFileSync(file, 'utf8')).not.toMatch(/https?:\/\/|--index-url|--find-links/);
  });

  it('is what mlflow-requirements.in asks for', () => {
    const pins = (text: string) => [...text.matchAll(/^([\w.-]+)==([^\s;\\]+)/gm)].map(([, name, version]) => `${name!.toLowerCase().replace(/[-_.]+/g, '-')} ${version}`).sort();
    expect(pins(readFileSync('launch/mlflow-requirements.txt', 'utf8'))).toEqual(pins(readFileSync('launch/mlflow-requirements.in', 'utf8')));
  });

  it('has an integrity in the npm lock for each package', () => {
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, { integrity?: string; link?: boolean }> };
    expect(Object.entries(packages).filter(([path, { integrity }]) => path !== '' && !integrity?.startsWith('sha512-')).map(([path]) => path)).toEqual([]);
  });
});

describe('the bill of materials', () => {
  const bom = cycloneDx(all, new Date(0)) as { bomFormat: string; serialNumber: string; components: { name: string; version: string; 'bom-ref': string; purl?: string; hashes: { alg: string; content: string }[] }[] };

  it('is CycloneDX and names OHIF, Node, MLflow, the models and every production package once', () => {
    expect([bom.bomFormat, bom.serialNumber]).toEqual(['CycloneDX', expect.stringMatching(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)]);
    const names = bom.components.map(({ name }) => name);
    for (const name of ['@ohif/app', 'node', 'mlflow', 'onnxruntime-node', 'express', 'glioma-unet', 'deepbet', 'orthanc']) expect(names).toContain(name);
    for (const name of ['vitest', 'eslint', 'typescript']) expect(names).not.toContain(name);
    const references = bom.components.map(component => component['bom-ref']);
    expect(new Set(references).size).toBe(references.length);
  });

  it('has hashes as long as their algorithm makes them', () => {
    for (const { hashes } of bom.components) for (const { alg, content } of hashes) expect(content).toMatch(alg === 'SHA-512' ? /^[0-9a-f]{128}$/ : /^[0-9a-f]{64}$/);
  });
});
