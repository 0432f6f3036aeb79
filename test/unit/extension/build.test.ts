import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPlugins } from '../../../extension/build.ts';

describe('the built plugins', () => {
  const folder = mkdtempSync(join(tmpdir(), 'plugins-'));
  beforeAll(() => buildPlugins(folder));
  afterAll(() => rmSync(folder, { recursive: true }));
  const read = (name: string) => readFileSync(join(folder, name));

  it('are at most 70 kB together, compressed', () => {
    const bytes = ['tumour-ext.js', 'tumour-mode.js'].reduce((sum, name) => sum + gzipSync(read(name)).length, 0);
    console.log(`extension and mode together: ${(bytes / 1000).toFixed(1)} kB, compressed`);
    expect(bytes).toBeLessThanOrEqual(70_000);
  });

  it('give the extension as their default export', async () => {
    const { default: extension } = await import(pathToFileURL(join(folder, 'tumour-ext.js')).href);
    expect(Object.keys(extension)).toEqual(expect.arrayContaining(['id', 'preRegistration', 'getCommandsModule', 'getPanelModule']));
  });

  it('give the mode as their default export', async () => {
    const { default: mode } = await import(pathToFileURL(join(folder, 'tumour-mode.js')).href);
    expect(mode).toMatchObject({ id: 'cerebloom', modeFactory: expect.any(Function) });
  });

  it('are built for production: no development warnings of React', () => {
    expect(read('tumour-ext.js').includes('checkPropTypes')).toBe(false);
  });
});
