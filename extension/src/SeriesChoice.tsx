import { useEffect, useState } from 'react';
import type { StudySeries } from '../../inference-server/src/contract/studies.ts';
import { SEQUENCE_NAMES, SEQUENCES } from '../../inference-server/src/domain/study.ts';
import type { Sequence } from '../../inference-server/src/domain/study.ts';
import { signed } from './inference-api.ts';
import { fill, formatPercent, MESSAGES } from './messages.ts';
import { modelInUse } from './run-state.ts';
import { kindIn, reasonIn } from './series-reasons.ts';
import type { PanelProps } from './SegmentTumourPanel.tsx';

type IdentifiedSeries = StudySeries['series'][number];

/** Value of the option that names no series. */
const NONE = '';
/** Of the small pictures, device pixels. */
const THUMBNAIL_PIXELS = 96;

/** Which series is taken for each sequence and why, with the means to change it. @param folded starts closed. */
export function SeriesChoice({ state, language, onChooseSeries, folded }: PanelProps & { readonly folded: boolean }) {
  const messages = MESSAGES[language];
  const { identified, choice, refusal } = state;
  if (!identified) return refusal ? null : <p className="cb-note" role="status">{messages.identifying}</p>;
  const uidOf = (sequence: Sequence) => (choice[sequence] === undefined ? identified.used[sequence] : choice[sequence]) ?? NONE;
  const needed = modelInUse(state)?.requires ?? [];
  const inUse = new Set(SEQUENCES.map(uidOf));
  const images = identified.series.filter(({ kind }) => kind !== 'not-mr');
  const unused = images.filter(({ seriesInstanceUid }) => !inUse.has(seriesInstanceUid));
  return (
    <details className="cb-series" open={!folded}>
      <summary>{messages.series}</summary>
      {SEQUENCES.map(sequence => {
        const series = images.find(({ seriesInstanceUid }) => seriesInstanceUid === uidOf(sequence));
        const chosen = choice[sequence] !== undefined;
        // the last is what tells it from its likes, and the first to be read
        const reasons = chosen ? [choice[sequence] ? messages.chosenByYou : messages.leftOutByYou] : (series?.reasons ?? []).map(reason => reasonIn(language, reason));
        const id = `cb-series-${sequence}`;
        return (
          <div key={sequence} className="cb-choice">
            <Thumbnail study={identified.studyInstanceUid} series={series} />
            <p className="cb-between">
              <label htmlFor={id}>{SEQUENCE_NAMES[sequence]}</label>
              {series && <span className="cb-note">{fill(messages.images, { count: series.images })}{!chosen && ` · ${formatPercent(language, series.confidence)}`}</span>}
            </p>
            <select id={id} title={series && describe(series)} value={uidOf(sequence)} onChange={event => onChooseSeries(sequence, event.target.value || null)} data-cy={id}
              aria-label={fill(messages.chooseSeries, { sequence: SEQUENCE_NAMES[sequence] })} aria-describedby={`${id}-why`}>
              {(!series || !needed.includes(sequence)) && <option value={NONE}>{identified.used[sequence] ? messages.leaveOut : messages.noSeries}</option>}
              {[...images].sort((a, b) => Number(b.kind === sequence) - Number(a.kind === sequence)).map(one => (
                <option key={one.seriesInstanceUid} value={one.seriesInstanceUid}>{describe(one)}</option>
              ))}
            </select>
            <p id={`${id}-why`} className="cb-why" title={reasons.join('\n')}>
              {[...reasons].reverse().join(language === 'fr' ? ' ; ' : '; ')}
            </p>
          </div>
        );
      })}
      {unused.length > 0 && (
        <details className="cb-unused">
          <summary>{fill(unused.length === 1 ? messages.otherSeries.one : messages.otherSeries.many, { count: unused.length })}</summary>
          <ul>{unused.map(one => <li key={one.seriesInstanceUid}>{describe(one)} ({kindIn(language, one.kind)}{language === 'fr' && '\u00a0'}: {one.reasons.map(reason => reasonIn(language, reason)).join(language === 'fr' ? ' ; ' : '; ')})</li>)}</ul>
        </details>
      )}
    </details>
  );
}

const describe = ({ seriesNumber, description }: IdentifiedSeries) => `${seriesNumber === null ? '' : `${seriesNumber} `}${description}`;

/** Addresses of small pictures that came, by where they came from: the panel draws them anew after every run. */
const pictures = new Map<string, string>();

/** The middle slice; decoration, as the name beside it says what it is. */
function Thumbnail({ study, series }: { readonly study: string; readonly series: IdentifiedSeries | undefined }) {
  const address = series?.middleInstanceUid
    && `/dicom-web/studies/${study}/series/${series.seriesInstanceUid}/instances/${series.middleInstanceUid}/rendered?viewport=${THUMBNAIL_PIXELS},${THUMBNAIL_PIXELS}`;
  const [, redraw] = useState(0);
  useEffect(() => {
    if (!address || pictures.has(address)) return undefined;
    const leaving = new AbortController();
    // Orthanc refuses what an <img> says it accepts. Without a picture, the place stays dark.
    fetch(address, { headers: signed({ accept: 'image/jpeg' }), signal: leaving.signal }).then(async response => {
      if (!response.ok) return;
      pictures.set(address, URL.createObjectURL(await response.blob()));
      redraw(count => count + 1);
    }).catch(() => undefined);
    return () => leaving.abort();
  }, [address]);
  const picture = address && pictures.get(address);
  return picture ? <img className="cb-thumbnail" src={picture} alt="" /> : <span className="cb-thumbnail" />;
}
