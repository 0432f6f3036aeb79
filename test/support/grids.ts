import fc from 'fast-check';
import { cross, scale, type Vec3, type VolumeGeometry } from '../../inference-server/src/domain/geometry.ts';

const Angle = fc.double({ min: -Math.PI, max: Math.PI, noNaN: true });
const Millimetres = fc.double({ min: 0.4, max: 6, noNaN: true });
const Coordinate = fc.double({ min: -200, max: 200, noNaN: true });

/** Right-handed grids of 5 to 9 voxels an edge, in any direction, spacing and place. */
export const AnyGrid: fc.Arbitrary<VolumeGeometry> = fc.record({
  angles: fc.tuple(Angle, Angle, Angle),
  spacing: fc.tuple(Millimetres, Millimetres, Millimetres),
  originMm: fc.tuple(Coordinate, Coordinate, Coordinate),
  shape: fc.tuple(fc.integer({ min: 5, max: 9 }), fc.integer({ min: 5, max: 9 }), fc.integer({ min: 5, max: 9 })),
}).map(({ angles, spacing, originMm, shape }) => {
  const [column, row] = axesOf(...angles);
  return { shape, originMm, stepsMm: [scale(cross(column, row), spacing[0]), scale(row, spacing[1]), scale(column, spacing[2])] };
});

/** Two unit vectors at a right angle, by three rotations. */
function axesOf(a: number, b: number, c: number): [Vec3, Vec3] {
  const [ca, sa, cb, sb, cc, sc] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b), Math.cos(c), Math.sin(c)];
  return [[ca * cb, sa * cb, -sb], [ca * sb * sc - sa * cc, sa * sb * sc + ca * cc, cb * sc]];
}
