import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convexPieces } from '../../../inference-server/src/steps/convex-hull.ts';

const COLUMNS = 12;
/** `#` inside. */
const mask = (...rows: string[]) => Uint8Array.from(rows.join(''), char => Number(char === '#'));
const text = (filled: Uint8Array, columns: number) => [...filled].map(inside => '.#'[inside]).join('').match(new RegExp(`.{${columns}}`, 'g'));

/** One connected piece: the way of a walk. */
const Piece = fc.array(fc.tuple(fc.integer({ min: -1, max: 1 }), fc.integer({ min: -1, max: 1 })), { maxLength: 60 }).map(steps => {
  const piece = new Uint8Array(COLUMNS * COLUMNS);
  let [row, column] = [5, 5];
  for (const [down, right] of [[0, 0], ...steps] as const) {
    row = Math.min(Math.max(row + down, 0), COLUMNS - 1);
    column = Math.min(Math.max(column + right, 0), COLUMNS - 1);
    piece[row * COLUMNS + column] = 1;
  }
  return piece;
});

describe('the convex hull of a piece', () => {
  it('closes what a letter leaves open', () => {
    expect(text(convexPieces(mask('.####.', '.#....', '.###..', '.#....', '.####.'), 6), 6)).toEqual(['.####.', '.####.', '.####.', '.####.', '.####.']);
  });

  it('is that of each piece alone', () => {
    expect(text(convexPieces(mask('#.#...#', '#.#..#.', '###...#'), 7), 7)).toEqual(['###...#', '###..##', '###...#']);
  });

  it('holds the whole piece, and nothing is left to be filled', () => {
    fc.assert(fc.property(Piece, piece => {
      const hull = convexPieces(piece, COLUMNS);
      expect(piece.every((inside, at) => inside <= hull[at]!)).toBe(true);
      expect(convexPieces(hull, COLUMNS)).toEqual(hull);
    }));
  });

  it('leaves a single pixel, a line and an empty mask as they are', () => {
    for (const rows of [['...', '.#.', '...'], ['#..', '.#.', '..#'], ['...', '...', '...'], ['.#.', '.#.', '.#.']]) expect(text(convexPieces(mask(...rows), 3), 3)).toEqual(rows);
  });
});
