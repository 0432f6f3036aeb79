import { describe, expect, it } from 'vitest';
import { IDENTITY, largestShiftMm } from '../../../inference-server/src/domain/rigid-transform.ts';
import { hillClimb } from '../../../inference-server/src/steps/hill-climb.ts';
import { similarity } from '../../../inference-server/src/steps/mutual-information.ts';
import { nearestFit } from '../../../inference-server/src/steps/nearest-fit.ts';
import { aBody, aGrid, aTransform } from '../../support/volumes.ts';

describe('climbing to a maximum nearby', () => {
  it('finds the top of a hill within its finest step', () => {
    const { at } = hillClimb(([x, y]) => -((x! - 5.2) ** 2) - (y! + 3.1) ** 2, [0, 0], [[4, 4], [1, 1]], 10);
    expect(Math.abs(at[0]! - 5.2)).toBeLessThanOrEqual(0.5);
    expect(Math.abs(at[1]! + 3.1)).toBeLessThanOrEqual(0.5);
  });

  it('stays where every step leads down', () => {
    expect(hillClimb(([x]) => -Math.abs(x!), [0], [[1]], 10)).toEqual({ at: [0], score: -0 });
  });
});

describe('the nearest fit', () => {
  const grid = aGrid([45, 60, 60], [2, 1.5, 1.5]);
  const reference = aBody(grid);
  const fit = similarity(reference, aBody(grid, aTransform({}), [400, 50, 150]));
  const wrong = aTransform({ axis: [1, 1, 0], deg: 3, shiftMm: [5, -3, 2] });

  it('leads a registration that ended 5 mm off back to the right place', () => {
    const found = nearestFit(reference, fit, wrong, [4, 2, 1]);
    expect(largestShiftMm(grid, wrong, IDENTITY)).toBeGreaterThan(5);
    expect(largestShiftMm(grid, found, IDENTITY)).toBeLessThan(3);
  });

  it('leaves one that is right where it is', () => {
    expect(largestShiftMm(grid, nearestFit(reference, fit, IDENTITY, [4, 2]), IDENTITY)).toBe(0);
  });
});
