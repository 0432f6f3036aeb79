import { describe, expect, it } from 'vitest';
import { GradientNoise, LabyrinthNoise, SlowNoise } from '../../../demo/src/phantom/noise.ts';
import { Random } from '../../../demo/src/phantom/random.ts';

describe('seeded noise', () => {
  it('is the same for the same seed and another for another', () => {
    const draw = (seed: number) => { const random = new Random(seed); return [random.bits(), random.bits(), random.bits()]; };
    expect(draw(5)).toEqual(draw(5));
    expect(draw(5)).not.toEqual(draw(6));
  });

  it('draws normal numbers of mean 0 and standard deviation 1', () => {
    const random = new Random(1);
    const numbers = Array.from({ length: 20_000 }, () => random.gaussian());
    const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
    expect(mean).toBeCloseTo(0, 1);
    expect(Math.sqrt(numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length)).toBeCloseTo(1, 1);
  });

  it('changes smoothly and is 0 on the lattice', () => {
    const noise = new GradientNoise(3);
    expect(noise.at(4, -7, 9)).toBeCloseTo(0, 10);
    for (let x = -3; x < 3; x += 0.37) expect(Math.abs(noise.at(x, 0.4, 0.6) - noise.at(x + 0.001, 0.4, 0.6))).toBeLessThan(0.01);
  });

  it('stays finite where slow noise is asked beyond its reach', () => {
    expect(new SlowNoise(3, 40).at(500, -500, 0)).toBeTypeOf('number');
    expect(Number.isFinite(new SlowNoise(3, 40).at(500, -500, 0))).toBe(true);
  });

  it('has sheets of a labyrinth about half a wavelength apart', () => {
    const labyrinth = new LabyrinthNoise(2, 20);
    let crossings = 0;
    let wasNear = false;
    for (let x = 0; x < 2000; x += 0.25) {
      const near = labyrinth.sheetDistanceMm(x, 0, 0) < 0.4;
      if (near && !wasNear) crossings++;
      wasNear = near;
    }
    // A line meets the zero set of a shell of wave numbers k every π √3 / k.
    expect(2000 / crossings).toBeGreaterThan(12);
    expect(2000 / crossings).toBeLessThan(24);
  });
});
