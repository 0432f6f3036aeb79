import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../../inference-server/src/domain/manifest.ts';
import { toProbabilities } from '../../../inference-server/src/steps/to-probabilities.ts';

type Output = Manifest['output'];
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const softmax = (logits: number[]) => {
  const powers = logits.map(Math.exp);
  return powers.map(power => power / powers.reduce((sum, value) => sum + value, 0));
};
const COUNT = 6;
const Inside = fc.uint8Array({ minLength: COUNT, maxLength: COUNT, max: 1 });
const answers = (channels: number, least: number, most: number) => fc.array(fc.float({ min: Math.fround(least), max: Math.fround(most), noNaN: true }), { minLength: channels * COUNT, maxLength: channels * COUNT });
const farthest = (found: Float32Array, expected: number[]) => Math.max(...expected.map((value, at) => Math.abs(found[at]! - value)));

describe('the probabilities of a network\'s answer', () => {
  const Orders = fc.shuffledSubarray(['wt', 'tc', 'et'] as const, { minLength: 3 });
  it('are the sigmoids of regions, whole tumour first, and 0 outside the brain', () => {
    fc.assert(fc.property(Orders, answers(3, -30, 30), Inside, (order, answer, inside) => {
      const expected = (['wt', 'tc', 'et'] as const).flatMap(region => [...inside].map((brain, at) => brain * sigmoid(answer[order.indexOf(region) * COUNT + at]!)));
      const found = toProbabilities(Float32Array.from(answer), { kind: 'regions', order: [...order], activation: 'logits' }, inside);
      expect(farthest(found, expected)).toBeLessThan(2e-4);
    }));
  });

  it('are those that a network of regions answers with itself', () => {
    fc.assert(fc.property(Orders, answers(3, 0, 1), Inside, (order, answer, inside) => {
      const expected = (['wt', 'tc', 'et'] as const).flatMap(region => [...inside].map((brain, at) => brain * answer[order.indexOf(region) * COUNT + at]!));
      expect(farthest(toProbabilities(Float32Array.from(answer), { kind: 'regions', order: [...order], activation: 'probabilities' }, inside), expected)).toBe(0);
    }));
  });

  const ORDERS: Extract<Output, { kind: 'classes' }>['order'][] = [
    ['background', 'necrotic', 'edema', 'enhancing'], ['enhancing', 'edema', 'background', 'necrotic', 'enhancing'], ['background', 'edema'],
  ];
  it.each(ORDERS.flatMap(order => (['logits', 'probabilities'] as const).map(activation => [activation, order] as const)))('of %s of classes %s are added up by name', (activation, order) => {
    fc.assert(fc.property(answers(order.length, activation === 'logits' ? -9 : 0, activation === 'logits' ? 9 : 1), Inside, (answer, inside) => {
      const ofVoxel = (at: number) => {
        const own = order.map((_, channel) => answer[channel * COUNT + at]!);
        return activation === 'logits' ? softmax(own) : own;
      };
      const expected = (['necrotic', 'edema', 'enhancing'] as const).flatMap(name => [...inside].map((brain, at) =>
        brain * ofVoxel(at).reduce((sum, p, channel) => (order[channel] === name ? sum + p : sum), 0)));
      const found = toProbabilities(Float32Array.from(answer), { kind: 'classes', order: [...order], activation }, inside);
      expect(found).toHaveLength(3 * COUNT);
      expect(farthest(found, expected)).toBeLessThan(1e-3);
    }));
  });
});
