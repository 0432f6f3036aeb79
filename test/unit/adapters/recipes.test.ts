import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../../inference-server/src/adapters/model-store.ts';

const RECIPES = 'models/recipes';

describe('the ready manifests', () => {
  it.each(readdirSync(RECIPES))('%s is a valid manifest under its own name', name => {
    expect(name).toMatch(/\.json$/);
    expect(parseManifest(readFileSync(`${RECIPES}/${name}`, 'utf8'), name).licence).not.toBe('');
  });
});
