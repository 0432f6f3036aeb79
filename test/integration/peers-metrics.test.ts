import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Vec3 } from '../../inference-server/src/domain/geometry.ts';
import { compareLabelMaps } from '../../inference-server/src/steps/compare-label-maps.ts';
import { aGrid } from '../support/volumes.ts';

const python = process.env.CEREBLOOM_PEERS_PYTHON;

const REFERENCE = `
import json, sys, numpy as np, torch
from monai.metrics import compute_dice, compute_hausdorff_distance
answers = []
for pair in json.load(open(sys.argv[1])):
    load = lambda key: np.array(pair[key], np.uint8).reshape(pair["shape"])
    one = {}
    for name, labels in (("wt", (1, 2, 3)), ("tc", (1, 3)), ("et", (3,))):
        t, f = (torch.from_numpy(np.isin(load(k), labels).astype(np.float32))[None, None] for k in ("truth", "found"))
        one[name] = [float(compute_dice(f, t)), float(compute_hausdorff_distance(f, t, include_background=True, percentile=95, spacing=[float(mm) for mm in pair["spacing"]]))]
    answers.append(one)
print(json.dumps(answers))
`;

/** Blobs of several labels, another set for each seed. */
function blobs(shape: Vec3, seed: number): Uint8Array {
  const number = (at: number) => ((Math.sin(seed * 91.7 + at * 12.9898) * 43758.5453) % 1 + 1) % 1;
  const centres = [0, 1, 2].map(blob => [0, 1, 2].map(axis => shape[axis]! * (0.2 + 0.6 * number(3 * blob + axis))));
  const radii = [0, 1, 2].map(blob => 3 + 4 * number(20 + blob));
  const labels = new Uint8Array(shape[0] * shape[1] * shape[2]);
  for (let k = 0, at = 0; k < shape[0]; k++) for (let j = 0; j < shape[1]; j++) for (let i = 0; i < shape[2]; i++, at++) {
    centres.forEach(([z, y, x], blob) => {
      const r = Math.hypot(k - z!, j - y!, i - x!) / radii[blob]!;
      if (r < 1) labels[at] = r < 0.4 ? 1 : r < 0.7 ? 3 : 2;
    });
  }
  return labels;
}

describe('Dice and HD95', () => {
  it.skipIf(!python)(`agree with monai.metrics on 20 random pairs${python ? '' : ': CEREBLOOM_PEERS_PYTHON is not set'}`, { timeout: 300_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'cerebloom-metrics-'));
    const shape: Vec3 = [22, 24, 26];
    const pairs = Array.from({ length: 20 }, (_, at) => ({ truth: blobs(shape, 2 * at), found: blobs(shape, 2 * at + 1), spacing: [1 + (at % 3), 0.5 + (at % 5) / 4, 1 + (at % 2) / 3] as Vec3 }));
    try {
      writeFileSync(join(folder, 'pairs.json'), JSON.stringify(pairs.map(({ truth, found, spacing }) => ({ shape, spacing, truth: [...truth], found: [...found] }))));
      const answers = JSON.parse(execFileSync(python!, ['-c', REFERENCE, join(folder, 'pairs.json')], { encoding: 'utf8' })) as Record<'wt' | 'tc' | 'et', [number, number]>[];
      pairs.forEach(({ truth, found, spacing }, at) => {
        const geometry = aGrid(shape, spacing);
        const ours = compareLabelMaps({ geometry, labels: truth }, { geometry, labels: found });
        for (const region of ['wt', 'tc', 'et'] as const) {
          expect(Math.abs(ours[region].dice! - answers[at]![region][0]), `Dice of pair ${at}, ${region}`).toBeLessThan(1e-4);
          expect(Math.abs(ours[region].hd95Mm! - answers[at]![region][1]), `HD95 of pair ${at}, ${region}`).toBeLessThan(1e-4);
        }
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
