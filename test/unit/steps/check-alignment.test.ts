import { describe, expect, it } from 'vitest';
import { IDENTITY } from '../../../inference-server/src/domain/rigid-transform.ts';
import { checkAlignment, liesOn } from '../../../inference-server/src/steps/check-alignment.ts';
import { aBody, aGrid, aTransform } from '../../support/volumes.ts';

const grid = aGrid([30, 45, 45], [3, 2, 2]);
const reference = aBody(grid);
const turn = aTransform({ axis: [1, 1, 0], deg: 10, shiftMm: [4, -3, 2] });
const inverse = aTransform({ axis: [1, 1, 0], deg: -10, shiftMm: [0, 0, 0] });
const moving = aBody(grid, turn, [400, 50, 150]);
/** `moving` shows at p what the reference shows at turn(p): reference point → moving point is the inverse. */
const right = { rotation: inverse.rotation, translationMm: [-turn.translationMm[0], -turn.translationMm[1], -turn.translationMm[2]].map((_, a) =>
  -(inverse.rotation[a]![0] * turn.translationMm[0] + inverse.rotation[a]![1] * turn.translationMm[1] + inverse.rotation[a]![2] * turn.translationMm[2])) as never };

describe('checking an alignment', () => {
  it('keeps one that fits better than the scanner coordinates', () => {
    expect(checkAlignment(reference, moving, right, true)).toBe(right);
  });

  it('keeps the scanner coordinates where the shift found is negligible', () => {
    expect(checkAlignment(reference, reference, aTransform({ shiftMm: [0.2, 0, 0.1] }), true)).toBe(IDENTITY);
  });

  it('keeps the scanner coordinates where the result is worse', () => {
    expect(checkAlignment(reference, reference, turn, true)).toBe(IDENTITY);
  });

  it('fails where frames of reference differ and the result is worse', () => {
    expect(() => checkAlignment(reference, reference, turn, false)).toThrow('the result is no better than the start');
  });

  it('fails where the head would have turned too far', () => {
    expect(() => checkAlignment(reference, moving, aTransform({ deg: 60 }), false)).toThrow('the head would have turned by 60°');
  });
});

const fine = aGrid([60, 90, 90]);

describe('seeing whether volumes lie on each other', () => {
  it('says so of one body in two contrasts', () => {
    expect(liesOn(reference, aBody(grid, aTransform({}), [400, 50, 150]))).toBe(true);
  });

  it.each([
    ['2 mm to the left', aTransform({ shiftMm: [2, 0, 0] })],
    ['3 mm towards the feet', aTransform({ shiftMm: [0, 0, -3] })],
    ['4° about an oblique axis', aTransform({ axis: [1, 1, 1], deg: 4 })],
  ])('denies it of one that moved %s', (_how, place) => {
    expect(liesOn(aBody(fine), aBody(fine, place, [400, 50, 150]))).toBe(false);
  });
});
