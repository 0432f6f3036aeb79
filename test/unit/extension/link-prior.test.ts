import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inverse, movedCamera } from '../../../extension/src/link-prior.ts';
import { aboutPoint, transformPoint, type RigidTransform } from '../../../inference-server/src/domain/rigid-transform.ts';
import type { PriorRegistration } from '../../../inference-server/src/contract/priors.ts';

const toWire = ({ rotation, translationMm }: RigidTransform) => ({ rotation: rotation.map(row => [...row]), translationMm: [...translationMm] }) as Pick<PriorRegistration, 'rotation' | 'translationMm'>;
const camera = { position: [0, 0, 500], focalPoint: [10, -20, 30], viewUp: [0, -1, 0], viewPlaneNormal: [0, 0, -1], parallelScale: 120 } as const;

describe('a viewport that follows another', () => {
  const turn = aboutPoint([0, 0, 1], Math.PI / 2, [5, 5, 5]);

  it('looks at the same point of the other head, along the same line, at the same size', () => {
    const moved = movedCamera(camera, toWire(turn));
    transformPoint(turn, camera.focalPoint).forEach((mm, axis) => expect(moved.focalPoint[axis]).toBeCloseTo(mm));
    moved.viewUp.forEach((value, axis) => expect(value).toBeCloseTo([1, 0, 0][axis]!));
    moved.viewPlaneNormal.forEach((value, axis) => expect(value).toBeCloseTo([0, 0, -1][axis]!));
    expect(moved.parallelScale).toBe(120);
  });

  it('is back where it was, there and back, whatever the motion', () => {
    const mm = fc.double({ min: -80, max: 80, noNaN: true });
    fc.assert(fc.property(fc.double({ min: -3, max: 3, noNaN: true }), mm, mm, mm, (angle, x, y, z) => {
      const there = toWire(aboutPoint([0.6, 0, 0.8], angle, [x, y, z]));
      const back = movedCamera(movedCamera(camera, there), inverse(there));
      for (const key of ['position', 'focalPoint', 'viewUp', 'viewPlaneNormal'] as const) back[key].forEach((value, axis) => expect(value).toBeCloseTo(camera[key][axis]!, 6));
    }));
  });
});
