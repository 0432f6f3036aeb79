import { expect, it } from 'vitest';
import { inStretches } from '../../../inference-server/src/steps/stretches.ts';

it.each([0, 1, 16_384, 16_385, 50_000])('stretches cover a volume of %d voxels, each once and in order', length => {
  const seen: number[] = [];
  inStretches(length, (from, to) => { for (let at = from; at < to; at++) seen.push(at); });
  expect(seen).toEqual([...Array(length).keys()]);
});
