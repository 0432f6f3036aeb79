import { describe, expect, it } from 'vitest';
import { ElastixRegistration } from '../../inference-server/src/adapters/elastix-registration.ts';
import { norm, subtract, type Vec3 } from '../../inference-server/src/domain/geometry.ts';
import { transformPoint, type RigidTransform } from '../../inference-server/src/domain/rigid-transform.ts';
import { alignmentErrorsMm, MOVED_CASE } from '../support/moved-case.ts';
import { lacks } from '../support/shared-data.ts';
import { aBody, aGrid, aTransform } from '../support/volumes.ts';

const registration = new ElastixRegistration();
const corners: Vec3[] = [[-25, -25, -25], [25, -25, 25], [-25, 25, 25], [25, 25, -25]];
/** The moving body shows at p what the reference shows at `place(p)`; a right answer takes p's image back. */
const errorMm = (found: RigidTransform, place: RigidTransform) =>
  Math.max(...corners.map(corner => norm(subtract(transformPoint(place, transformPoint(found, corner)), corner))));

describe('registering with elastix', () => {
  it('recovers a turned and shifted body of another contrast and grid within 1.5 mm', async () => {
    const place = aTransform({ axis: [1, 2, 3], deg: 8, shiftMm: [5, -4, 3] });
    const found = await registration.register(aBody(aGrid([90, 100, 100])), aBody(aGrid([40, 110, 110], [2.5, 0.9, 0.9]), place, [400, 60, 180]), true);
    expect(errorMm(found, place)).toBeLessThan(1.5);
  });

  it('starts from the centres where the frames of reference are far apart', async () => {
    const place = aTransform({ deg: 4, shiftMm: [-260, 140, 90] });
    const away = { ...aGrid([90, 100, 100]), originMm: [260 - 49.5, -140 - 49.5, -90 - 44.5] as Vec3 };
    const found = await registration.register(aBody(aGrid([90, 100, 100])), aBody(away, place, [400, 60, 180]), false);
    expect(errorMm(found, place)).toBeLessThan(1.5);
  });

  it('stops when it is aborted', async () => {
    const abort = new AbortController();
    const running = registration.register(aBody(aGrid([90, 100, 100])), aBody(aGrid([90, 100, 100])), true, abort.signal);
    abort.abort(new Error('cancelled'));
    await expect(running).rejects.toThrow('cancelled');
  });
});

describe.skipIf(lacks(MOVED_CASE))('a real case that was moved', () => {
  it('comes back within 2 mm from turns and shifts of up to 15° and 15 mm', async () => {
    const errors = await alignmentErrorsMm(registration, 3);
    console.log(`corner errors: ${errors.map(mm => `${mm.toFixed(2)} mm`).join(', ')}`);
    expect(Math.max(...errors)).toBeLessThanOrEqual(2);
  });
});
