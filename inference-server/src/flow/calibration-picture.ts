import type { CalibrationFigures } from '../steps/fit-calibration.ts';

/** Okabe & Ito's colours, so that kinds keep apart for colour-blind readers. */
const COLOURS = ['#000000', '#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#8C6D1F', '#7F7F7F', '#5B3A9B'];
const SIDE = 300;
const [LEFT, TOP] = [48, 12];

/** True Dice of each input against what was predicted of it without its case: an SVG picture. */
export function calibrationPicture({ predictions }: CalibrationFigures): string {
  const kinds = [...new Set(predictions.map(({ kind }) => kind))];
  const x = (value: number) => (LEFT + SIDE * value).toFixed(1);
  const y = (value: number) => (TOP + SIDE * (1 - value)).toFixed(1);
  const points = predictions.map(({ kind, predicted, dice, case: name, input }) =>
    `<circle cx="${x(predicted)}" cy="${y(dice)}" r="4" fill="${COLOURS[kinds.indexOf(kind) % COLOURS.length]}" fill-opacity="0.75"><title>${name}, ${input}</title></circle>`);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(value =>
    `<text x="${x(value)}" y="${TOP + SIDE + 16}" text-anchor="middle">${value}</text><text x="${LEFT - 6}" y="${Number(y(value)) + 4}" text-anchor="end">${value}</text>`);
  const legend = kinds.map((kind, at) =>
    `<circle cx="${LEFT + SIDE + 22}" cy="${TOP + 10 + 20 * at}" r="4" fill="${COLOURS[at % COLOURS.length]}"/><text x="${LEFT + SIDE + 32}" y="${TOP + 14 + 20 * at}">${kind}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 500 356" font-family="system-ui, sans-serif" font-size="12" fill="#333"><rect width="500" height="356" fill="#fff"/>
<path d="M${x(0)} ${y(1)}V${y(0)}H${x(1)}" fill="none" stroke="#888"/><path d="M${x(0)} ${y(0)}L${x(1)} ${y(1)}" stroke="#bbb" stroke-dasharray="4 4"/>
${ticks.join('')}<text x="${LEFT + SIDE / 2}" y="${TOP + SIDE + 36}" text-anchor="middle">Predicted Dice</text><text x="14" y="${TOP + SIDE / 2}" transform="rotate(-90 14 ${TOP + SIDE / 2})" text-anchor="middle">True Dice</text>
${points.join('\n')}
${legend.join('')}</svg>
`;
}
