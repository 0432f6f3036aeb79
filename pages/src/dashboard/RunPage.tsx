import { useState, type ReactNode } from 'react';
import { Problem } from '../../../extension/src/Problem.tsx';
import { progressLine } from '../../../extension/src/progress-line.ts';
import { explain, fill, formatDice, formatInstant, formatMl, formatMm, formatSequences } from '../../../extension/src/messages.ts';
import type { RunDetails } from '../../../inference-server/src/contract/run-details.ts';
import type { Run, RunResult } from '../../../inference-server/src/contract/runs.ts';
import { SEGMENTS } from '../../../inference-server/src/domain/label-map.ts';
import { isFinal } from '../../../inference-server/src/domain/run.ts';
import { SEQUENCE_NAMES } from '../../../inference-server/src/domain/study.ts';
import { personName } from '../formats.ts';
import { useLanguage } from '../language.tsx';
import { getMe, getRun, getRunDetails, getRunLog, pictureUrl } from '../page-api.ts';
import { PageFrame } from '../PageFrame.tsx';
import { useData } from '../use-data.ts';
import { viewerHref } from '../viewer-href.ts';
import { Waiting } from '../Waiting.tsx';
import { TimeLine } from './TimeLine.tsx';

const LIVE_MS = 2_000;

/** All that is known of one run. */
export function RunPage({ id }: { readonly id: string }) {
  const { language, messages } = useLanguage();
  const words = messages.run;
  const me = useData(getMe, 'me').data;
  const [live, setLive] = useState(true);
  const run = useData(async () => {
    const found = await getRun(id);
    setLive(!isFinal(found.state));
    return found;
  }, id, live ? LIVE_MS : null);
  const state = run.data?.state ?? '';
  const details = useData(() => getRunDetails(id), `${id} ${state}`);
  const log = useData(() => getRunLog(id), `${id} ${state} ${run.data?.stage}`);
  return (
    <PageFrame place="dashboard" me={me}>
      <p><a href="/dashboard/runs">← {words.back}</a></p>
      <Waiting of={run}>{found => (
        <>
          <div className="toolbar">
            <h1>{words.title} <small>{formatInstant(language, found.queuedAt)}</small></h1>
            <span className="state" data-state={found.state}>{messages.states[found.state]}</span>
            <a className="cb-button" href={viewerHref(found.studyInstanceUid)}>{words.viewer}</a>
            {details.data?.mlflowUrl ? <a className="cb-button" href={details.data.mlflowUrl}>{words.mlflow}</a> : isFinal(found.state) && details.data && <span className="quiet">{words.mlflowLater}</span>}
          </div>
          {!isFinal(found.state) && <p className="running"><progress value={found.progress} max={1} aria-label={messages.states[found.state]} /> {progressLine(language, found)}</p>}
          {found.error && found.state === 'failed' && <Problem language={language} code={found.error.code} detail={found.error.message} explanation={{ ...explain(language, found.error.code, null), next: words.afterFailure }} />}
          {found.error && found.state !== 'failed' && <p className="notice"><span lang="en">{found.error.message}</span> <code>{found.error.code}</code></p>}
          {found.result && <Result run={found} result={found.result} />}
          <Card id="timeline" title={words.timeline}><TimeLine run={found} /></Card>
          <Card id="inputs" title={words.inputs}><Waiting of={details}>{more => <Inputs inputs={more.inputs} />}</Waiting></Card>
          <Card id="provenance" title={words.provenance}><Waiting of={details}>{more => <Provenance run={found} details={more} />}</Waiting></Card>
          <Card id="log" title={words.log} note={words.logNote}><Waiting of={log}>{({ lines, cut }) => (
            lines.length === 0 ? <p className="empty">{words.logEmpty}</p> : (
              <div className="table-frame" tabIndex={0} role="group" aria-label={words.logNote}>
                {cut && <p className="quiet">{words.logCut}</p>}
                <table className="log">
                  <thead><tr><th scope="col">{words.time}</th><th scope="col">{words.part}</th><th scope="col">{words.message}</th></tr></thead>
                  <tbody>{lines.map((line, n) => (
                    <tr key={n} data-level={line.level}>
                      <td><time dateTime={line.time}>{line.time.slice(11, 23)}</time></td><td>{line.part}</td>
                      <td lang="en">{line.message}{Object.entries(line.more).map(([name, value]) => <code key={name}> {name}={JSON.stringify(value)}</code>)}</td>
                    </tr>
                  ))}</tbody>
                </table>
              </div>
            )
          )}</Waiting></Card>
        </>
      )}</Waiting>
    </PageFrame>
  );
}

function Card({ id, title, note, children }: { readonly id: string; readonly title: string; readonly note?: string; readonly children: ReactNode }) {
  return <section className="card" aria-labelledby={id} data-cy={id}><h2 id={id}>{title} {note && <small>{note}</small>}</h2>{children}</section>;
}

const READING_ORDER = [SEGMENTS[2], SEGMENTS[0], SEGMENTS[1]];

function Result({ run, result }: { readonly run: Run; readonly result: RunResult }) {
  const { language, messages } = useLanguage();
  const words = messages.run;
  const [pictured, setPictured] = useState(true);
  const { volumesMl, enhancingDiametersMm: diameters, segmentConfidence, missing } = result;
  const dice = (value: number | null) => (value === null ? '–' : formatDice(language, value));
  return (
    <Card id="result" title={words.result}>
      <div className="result">
        {pictured ? <img src={pictureUrl(run.id)} alt={words.picture} onError={() => setPictured(false)} data-cy="picture" /> : <p className="empty">{words.noPicture}</p>}
        <div>
          <table>
            <thead className="hidden"><tr><th scope="col">{words.result}</th><th scope="col">{words.volume}</th></tr></thead>
            <tbody>
              <tr className="strong"><th scope="row">{messages.regions.total}</th><td className="number" data-cy="total" data-ml={volumesMl.total}>{formatMl(language, volumesMl.total)} mL</td></tr>
              {READING_ORDER.map(({ name, rgb }) => (
                <tr key={name}><th scope="row"><span className="cb-swatch" style={{ background: `rgb(${rgb.join(' ')})` }} aria-hidden="true" />{messages.regions[name]}</th><td className="number">{formatMl(language, volumesMl[name])} mL</td></tr>
              ))}
            </tbody>
          </table>
          {diameters && <p>{fill(words.diameters, { longest: formatMm(language, diameters.longest), perpendicular: formatMm(language, diameters.perpendicular) })}</p>}
          <p>{fill(words.segmentConfidence, { wt: dice(segmentConfidence.wt), tc: dice(segmentConfidence.tc), et: dice(segmentConfidence.et) })}</p>
          {missing.length > 0 && <p className="notice">{fill(words.missing, { sequences: formatSequences(language, missing) })}</p>}
        </div>
      </div>
    </Card>
  );
}

function Inputs({ inputs }: { readonly inputs: RunDetails['inputs'] }) {
  const { language, messages: { run: words } } = useLanguage();
  if (inputs.length === 0) return <p className="empty">–</p>;
  const usedFirst = inputs.toSorted((a, b) => Number(b.usedAs !== null) - Number(a.usedAs !== null));
  return (
    <table>
      <thead><tr><th scope="col">{words.usedAs}</th><th scope="col">{words.takenFor}</th><th scope="col">{words.why}</th><th scope="col">{words.series}</th></tr></thead>
      <tbody>
        {usedFirst.map(({ seriesInstanceUid, usedAs, kind, confidence, reasons }) => (
          <tr key={seriesInstanceUid}>
            <th scope="row">{usedAs ? SEQUENCE_NAMES[usedAs] : <span className="quiet inline">{words.notUsed}</span>}</th>
            <td>{SEQUENCE_NAMES[kind as keyof typeof SEQUENCE_NAMES] ?? kind} <span className="quiet inline">{formatDice(language, confidence)}</span></td>
            <td lang="en">{reasons.join('; ')}</td><td><code>{seriesInstanceUid}</code></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Provenance({ run, details }: { readonly run: Run; readonly details: RunDetails }) {
  const { language, messages } = useLanguage();
  const { facts, by, noReview } = messages.run;
  const when = (instant: string | null) => instant && <time dateTime={instant}>{formatInstant(language, instant)}</time>;
  const uid = (text: string | null | undefined) => text && <code>{text}</code>;
  const shown: [keyof typeof facts, ReactNode][] = [
    ['id', uid(run.id)],
    ['model', `${run.model.id} ${run.model.version}`],
    ['pipeline', run.pipelineVersion],
    ['asked', fill(by, { who: run.requestedBy, how: messages.triggers[run.trigger] })],
    ['queued', when(run.queuedAt)], ['started', when(run.startedAt)], ['ended', when(run.finishedAt)],
    ['attempts', details.attempts],
    ['study', uid(run.studyInstanceUid)], ['seg', uid(run.result?.segInstanceUid)], ['sr', uid(run.result?.srInstanceUid)],
    ['patient', uid(details.patientPseudonym)], ['physician', details.responsiblePhysician && personName(details.responsiblePhysician)], ['destination', details.destination],
    ['supersededBy', details.supersededBy && <a href={`/dashboard/runs/${details.supersededBy}`}>{details.supersededBy}</a>],
    ['review', run.review ? <>{messages.reviews[run.review.decision]}, {run.review.by}, {when(run.review.at)} {run.review.comment}</> : run.result && noReview],
  ];
  return <dl className="facts">{shown.filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => <div key={name}><dt>{facts[name]}</dt><dd>{value}</dd></div>)}</dl>;
}
