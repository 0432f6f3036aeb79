import type { RunResult } from '../../inference-server/src/contract/runs.ts';
import { confidenceWord, fill, formatDice, LOW_CONFIDENCE, MESSAGES } from './messages.ts';
import type { Language } from './messages.ts';

/** Regions in reading order, by the names of the wire. */
const REGIONS = ['wt', 'tc', 'et'] as const;

/** How far the result can be trusted, for the whole and per region, and what to do where it is low. */
export function ConfidenceNote({ language, result: { confidence, confidenceCalibrated, segmentConfidence } }: { readonly language: Language; readonly result: RunResult }) {
  const messages = MESSAGES[language];
  const low = REGIONS.filter(region => (segmentConfidence[region] ?? 1) < LOW_CONFIDENCE);
  return (
    <details className="cb-confidence">
      <summary>
        {messages.confidence} <strong data-cy="confidence" data-value={confidence}>{confidenceWord(language, confidence)}</strong> ({formatDice(language, confidence)})
      </summary>
      <p className="cb-note">{fill(messages.confidenceMeaning, { dice: formatDice(language, confidence) })}{confidenceCalibrated === false && ` ${messages.confidenceNotCalibrated}`}</p>
      <table className="cb-volumes" aria-label={messages.confidencePerRegion}>
        <tbody>
          {REGIONS.map(region => {
            const dice = segmentConfidence[region];
            return (
              <tr key={region}>
                <th scope="row">{messages.confidenceRegions[region]}</th>
                <td>{dice === null ? messages.notFound : `${formatDice(language, dice)} · ${confidenceWord(language, dice)}`}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {low.length > 0 && <p className="cb-note">{messages.confidenceLow}</p>}
    </details>
  );
}
