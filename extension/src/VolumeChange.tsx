import type { RunResult } from '../../inference-server/src/contract/runs.ts';
import { formatMl, MESSAGES, type Language } from './messages.ts';
import { REVIEW_MESSAGES } from './review-messages.ts';

type Volumes = RunResult['volumesMl'];

/** Volumes of the model beside those of the correction, mL. */
export function VolumeChange({ language, from, to, heading }: { readonly language: Language; readonly from: Volumes; readonly to: Volumes; readonly heading?: string }) {
  const { columns, agreement } = REVIEW_MESSAGES[language];
  const messages = MESSAGES[language];
  const rows = [['total', messages.total], ['enhancing', messages.regions.enhancing], ['necrotic', messages.regions.necrotic], ['edema', messages.regions.edema]] as const;
  return (
    <table className="cb-drawn" aria-label={agreement}>
      <thead><tr><th scope="col">mL</th><th scope="col">{columns.model}</th><th scope="col">{heading ?? columns.corrected}</th><th scope="col">{columns.change}</th></tr></thead>
      <tbody>
        {rows.map(([name, title]) => (
          <tr key={name} data-cy={`change-${name}`} data-ml={to[name]}>
            <th scope="row">{title}</th><td>{formatMl(language, from[name])}</td><td>{formatMl(language, to[name])}</td><td>{signed(language, to[name] - from[name])}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function signed(language: Language, changeMl: number): string {
  const text = formatMl(language, Math.abs(changeMl));
  return Math.abs(changeMl) < 0.05 ? text : `${changeMl > 0 ? '+' : '−'}${text}`;
}
