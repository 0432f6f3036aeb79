import type { Region } from '../domain/label-map.ts';
import { SEQUENCE_NAMES } from '../domain/study.ts';
import { eachRegion, extremesOf, isScored, REGION_NAMES, type CaseReport, type Difference, type FailedCase, type PerRegion, type Report } from './evaluation-report.ts';

/** PNG files of a case: what was found, and the truth. */
export type Pictures = (id: string) => Promise<{ readonly found: Uint8Array; readonly truth: Uint8Array } | null>;

const TITLES: PerRegion<string> = { wt: 'Whole tumour', tc: 'Tumour core', et: 'Enhancing tumour' };

/** The report as one HTML file that needs nothing else. */
export async function evaluationPage(report: Report, pictures: Pictures): Promise<string> {
  const scored = report.cases.filter(isScored);
  const failed = report.cases.filter((one): one is FailedCase => !isScored(one));
  const shown = await Promise.all(extremesOf(report.cases).map(async ({ title, one }) => {
    const images = await pictures(one.id);
    return `<h3>${title}: ${text(one.id)}, Dice ${figure(one.dice.wt)}, confidence ${figure(one.confidence, 2)}</h3>${images ? `<div class="pair">${image('Found', images.found)}${image('Truth', images.truth)}</div>` : '<p>No picture was kept.</p>'}`;
  }));
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${text(report.model)} ${text(report.version)}: evaluation</title><style>${STYLE}</style></head><body>
<h1>${text(report.model)} ${text(report.version)}</h1>
<p>${scored.length} cases${report.without.length ? `, without ${report.without.map(sequence => SEQUENCE_NAMES[sequence]).join(', ')}` : ''}; pipeline ${text(report.pipelineVersion)}.${failed.length ? ` <strong>${failed.length} could not be segmented.</strong>` : ''}</p>
${report.mean ? `${meansTable(report)}${calibrationPart(report)}` : '<p>No case was scored.</p>'}
${subsetsPart(report)}${comparisonPart(report)}
<h2>Best, median and worst case</h2><p class="note">By Dice of the whole tumour. Orange: enhancing; yellow: necrotic core; blue: oedema. R: the patient's right.</p>${shown.join('') || '<p>None has tumour.</p>'}
<h2>Confidence and Dice</h2>${scatter(scored)}
<h2>Cases</h2>${casesTable(scored)}
${failed.length ? `<h2>Not segmented</h2><div class="words">${table(['Case', 'Code', 'Why'], failed.map(({ id, error }) => [text(id), text(error.code), text(error.message)]))}</div>` : ''}
<p class="note">HD95 in mm, volumes in mL (found − true). A dash: the truth lacks the region; its volume error is then a false volume.</p>
</body></html>
`;
}

function meansTable({ mean }: Report): string {
  const of = mean!;
  return table(['Region', 'Dice', 'HD95 (mm)', 'Volume error (mL)', 'absolute', 'False volume (mL)'], REGION_NAMES.map(region => [
    TITLES[region], figure(of.dice[region]), figure(of.hd95Mm[region], 1), figure(of.volumeErrorMl[region], 1), figure(of.absoluteVolumeErrorMl[region], 1), figure(of.falseVolumeMl[region], 1),
  ]));
}

function calibrationPart({ mean }: Report): string {
  const { meanError, meanAbsoluteError, rankCorrelation, voxelError, volumeCoverage } = mean!.calibration;
  return `<p>Confidence ${figure(mean!.confidence)}; minus Dice ${figure(meanError)}, absolute ${figure(meanAbsoluteError)}; Spearman ${figure(rankCorrelation, 2)}. `
    + `Calibration error of voxels around the tumour ${REGION_NAMES.map(region => `${region.toUpperCase()} ${figure(voxelError[region])}`).join(', ')}. `
    + `True volume within its interval: ${volumeCoverage === null ? 'the model gives none' : `${Math.round(100 * volumeCoverage)} %`}. ${figure(mean!.seconds, 1)} s a case.</p>`;
}

function subsetsPart({ without, mean, subsets }: Report): string {
  if (subsets.length === 0) return '';
  const name = (gone: Report['without']) => (gone.length ? `without ${gone.map(sequence => SEQUENCE_NAMES[sequence]).join(', ')}` : 'all sequences');
  const rows = [{ without, mean }, ...subsets].map(subset => [name(subset.without), ...REGION_NAMES.map(region => figure(subset.mean?.dice[region] ?? null)), figure(subset.mean?.confidence ?? null, 2)]);
  return `<h2>With sequences left out</h2>${table(['Input', 'Dice WT', 'TC', 'ET', 'Confidence'], rows)}`;
}

function comparisonPart({ comparison, model, version }: Report): string {
  if (!comparison) return '';
  const cell = (difference: Difference | null, digits: number) => (difference
    ? `${signed(difference.mean, digits)} (${signed(difference.low, digits)} … ${signed(difference.high, digits)})` : '–');
  return `<h2>Against ${text(comparison.model)} ${text(comparison.version)}</h2><p>${text(model)} ${text(version)} minus the other, mean over ${comparison.cases} cases that both have, with the 95 % interval of a paired bootstrap.</p>`
    + table(['Region', 'Dice', 'HD95 (mm)', 'Absolute volume error (mL)'], REGION_NAMES.map(region =>
      [TITLES[region], cell(comparison.dice[region], 3), cell(comparison.hd95Mm[region], 1), cell(comparison.absoluteVolumeErrorMl[region], 1)]));
}

const casesTable = (cases: readonly CaseReport[]): string => table(
  ['Case', 'Dice WT', 'TC', 'ET', 'HD95 WT', 'TC', 'ET', 'Volume error WT', 'TC', 'ET', 'Confidence', 'Pieces', 'under 1 mL', 's'],
  cases.map(one => {
    const of = (values: PerRegion<number | null>, digits: number) => Object.values(eachRegion((region: Region) => figure(values[region], digits)));
    return [text(one.id), ...of(one.dice, 3), ...of(one.hd95Mm, 1), ...of(one.volumeErrorMl, 1), figure(one.confidence, 2),
      String(one.lesionsMl.length), String(one.lesionsMl.filter(ml => ml < 1).length), figure(one.seconds, 1)];
  }));

/** Confidence to the right, Dice upward, both 0…1. */
function scatter(cases: readonly CaseReport[]): string {
  const points = cases.filter(one => one.dice.wt !== null)
    .map(one => `<circle cx="${40 + 300 * one.confidence}" cy="${310 - 300 * one.dice.wt!}" r="4"><title>${text(one.id)}</title></circle>`);
  return `<svg viewBox="0 0 360 345" role="img" aria-label="Dice against confidence"><path d="M40 10V310H340M40 310L340 10" class="axes"/><text x="190" y="340">Confidence</text><text x="12" y="160" transform="rotate(-90 12 160)">Dice</text><text x="36" y="324">0</text><text x="334" y="324">1</text><text x="28" y="16">1</text>${points.join('')}</svg>`;
}

const image = (title: string, png: Uint8Array): string =>
  `<figure><img alt="${title}" src="data:image/png;base64,${Buffer.from(png).toString('base64')}"><figcaption>${title}</figcaption></figure>`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<div class="wide"><table><thead><tr>${head.map(cell => `<th>${cell}</th>`).join('')}</tr></thead><tbody>${rows.map(row => `<tr>${row.map(cell => `<td>${cell}</td>`).join('')}</tr>`).join('')}</tbody></table></div>`;

const figure = (value: number | null, digits = 3): string => (value === null ? '–' : value.toFixed(digits));
const signed = (value: number, digits: number): string => `${value > 0 ? '+' : ''}${value.toFixed(digits)}`;
const text = (given: string): string => given.replace(/[&<>"]/g, char => `&#${char.charCodeAt(0)};`);

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;max-width:70rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.5rem 0}
th,td{padding:.25rem .7rem;border-bottom:1px solid #d5dae0;text-align:right}th:first-child,.words th,td:first-child,.words td{text-align:left}.wide{overflow-x:auto}.note{color:#5a6470;font-size:.9em}.pair{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;flex:1 1 30rem}img{width:100%;background:#000}figcaption{color:#5a6470}
svg{width:22rem;max-width:100%}svg text{font-size:12px;fill:#5a6470;text-anchor:middle}.axes{fill:none;stroke:#aab2bc}circle{fill:#0b6bcb;fill-opacity:.7}`;
