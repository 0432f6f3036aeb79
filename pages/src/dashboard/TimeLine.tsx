import type { Run } from '../../../inference-server/src/contract/runs.ts';
import { STAGES, type Stage } from '../../../inference-server/src/domain/run.ts';
import { formatSeconds } from '../formats.ts';
import { secondsBetween } from '../instants.ts';
import { useLanguage } from '../language.tsx';

export interface Span {
  readonly stage: Stage | 'waited';
  /** From the moment the run was queued, s. */
  readonly from: number;
  readonly seconds: number;
}

/** What a run did when; stages follow each other without a pause. A run that was taken up again shows its last attempt. */
export function spansOf({ queuedAt, startedAt, finishedAt, secondsPerStage }: Pick<Run, 'queuedAt' | 'startedAt' | 'finishedAt' | 'secondsPerStage'>): Span[] {
  const waited = secondsBetween(queuedAt, startedAt ?? finishedAt) ?? 0;
  const spans: Span[] = startedAt === null ? [] : [{ stage: 'waited', from: 0, seconds: waited }];
  let from = waited;
  for (const stage of STAGES) {
    const seconds = secondsPerStage[stage];
    if (seconds === undefined) continue;
    spans.push({ stage, from, seconds });
    from += seconds;
  }
  return spans;
}

/** A table whose bars stand side by side in time. */
export function TimeLine({ run }: { readonly run: Run }) {
  const { language, messages: { run: words, stages } } = useLanguage();
  const spans = spansOf(run);
  const end = Math.max(...spans.map(({ from, seconds }) => from + seconds), 0.001);
  const percent = (seconds: number) => `${(100 * seconds) / end}%`;
  if (spans.length === 0) return <p className="empty">–</p>;
  return (
    <table className="timeline">
      <thead className="hidden"><tr><th scope="col">{words.stage}</th><th scope="col">{words.seconds}</th><th scope="col">{words.timeline}</th></tr></thead>
      <tbody>
        {spans.map(({ stage, from, seconds }) => (
          <tr key={stage}>
            <th scope="row">{stage === 'waited' ? words.waited : stages[stage]}</th>
            <td className="number">{formatSeconds(language, seconds)}</td>
            <td className="lane"><div data-stage={stage} style={{ marginLeft: percent(from), width: percent(seconds) }} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
