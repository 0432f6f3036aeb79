import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPages } from '../../../pages/build.ts';

describe('the built pages', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pages-'));
  beforeAll(() => buildPages(folder));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('are at most 110 kB together, compressed', () => {
    expect(readdirSync(folder).reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0)).toBeLessThanOrEqual(110_000);
  });

  it('name no other host', () => {
    for (const file of readdirSync(folder)) {
      const hosts = readFileSync(join(folder, file), 'utf8').match(/https?:\/\/[a-z0-9.-]+/g) ?? [];
      // React's namespaces and the address of its error texts, which nothing is fetched from
      expect(hosts.filter(host => !/^https?:\/\/(www\.w3\.org|reactjs\.org|fb\.me)$/.test(host))).toEqual([]);
    }
  });
});
