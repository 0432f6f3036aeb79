import type { StudySeries } from '../../inference-server/src/contract/studies.ts';
import { SEQUENCE_NAMES, SEQUENCES } from '../../inference-server/src/domain/study.ts';
import type { Sequence } from '../../inference-server/src/domain/study.ts';
import { fill, MESSAGES } from './messages.ts';
import type { Messages } from './messages.ts';
import type { PanelProps } from './SegmentTumourPanel.tsx';

type IdentifiedSeries = StudySeries['series'][number];

/** Which series is taken for each sequence and why, with the means to change it. @param folded starts closed. */
export function SeriesChoice({ state, language, onChooseSeries, folded }: PanelProps & { readonly folded: boolean }) {
  const messages = MESSAGES[language];
  const { identified, choice, refusal } = state;
  if (!identified) return refusal ? null : <p className="cb-note" role="status">{messages.identifying}</p>;
  const uidOf = (sequence: Sequence) => choice[sequence] ?? identified.used[sequence] ?? '';
  const inUse = new Set(SEQUENCES.map(uidOf));
  const images = identified.series.filter(({ kind }) => kind !== 'not-mr');
  const unused = images.filter(({ seriesInstanceUid }) => !inUse.has(seriesInstanceUid));
  return (
    <details className="cb-series" open={!folded}>
      <summary>{messages.series}</summary>
      {SEQUENCES.map(sequence => {
        const series = images.find(({ seriesInstanceUid }) => seriesInstanceUid === uidOf(sequence));
        const reasons = choice[sequence] ? [messages.chosenByYou] : series?.reasons ?? [];
        const id = `cb-series-${sequence}`;
        return (
          <div key={sequence} className="cb-choice">
            <label htmlFor={id}>{SEQUENCE_NAMES[sequence]}</label>
            <select id={id} title={series && describe(series, messages)} value={uidOf(sequence)} onChange={event => onChooseSeries(sequence, event.target.value)} data-cy={id}
              aria-label={fill(messages.chooseSeries, { sequence: SEQUENCE_NAMES[sequence] })} aria-describedby={`${id}-why`}>
              {!series && <option value="">{messages.noSeries}</option>}
              {[...images].sort((a, b) => Number(b.kind === sequence) - Number(a.kind === sequence)).map(one => (
                <option key={one.seriesInstanceUid} value={one.seriesInstanceUid}>{describe(one, messages)}</option>
              ))}
            </select>
            <p id={`${id}-why`} className="cb-why" title={reasons.join('\n')} lang={choice[sequence] ? undefined : 'en'}>{reasons.join('; ')}</p>
          </div>
        );
      })}
      {unused.length > 0 && (
        <details className="cb-unused">
          <summary>{fill(unused.length === 1 ? messages.otherSeries.one : messages.otherSeries.many, { count: unused.length })}</summary>
          <ul>{unused.map(one => <li key={one.seriesInstanceUid}>{describe(one, messages)} <span lang="en">({one.kind}: {one.reasons.join('; ')})</span></li>)}</ul>
        </details>
      )}
    </details>
  );
}

const describe = ({ seriesNumber, description, images }: IdentifiedSeries, messages: Messages) =>
  `${seriesNumber === null ? '' : `${seriesNumber} `}${description} · ${fill(messages.images, { count: images })}`;
