import { formatDice } from '../../../extension/src/messages.ts';
import type { Daily } from '../../../inference-server/src/contract/statistics.ts';
import { formatCount, formatSeconds, formatShare } from '../formats.ts';
import { useLanguage } from '../language.tsx';

export function Tiles({ figures }: { readonly figures: Daily }) {
  const { language, messages: { dashboard: { tiles } } } = useLanguage();
  const { completed, failed, success_rate, processing_time_seconds: time, mean_confidence_score, reviews } = figures;
  const or = <T,>(value: T | null, text: (value: T) => string) => (value === null ? '–' : text(value));
  const shown: [keyof typeof tiles, string][] = [
    ['segmentations', formatCount(language, completed)],
    ['failed', formatCount(language, failed)],
    ['success', or(success_rate, rate => formatShare(language, rate))],
    ['time', or(time.p50, seconds => formatSeconds(language, seconds))],
    ['confidence', or(mean_confidence_score, dice => formatDice(language, dice))],
    ['reviewed', formatCount(language, reviews.accepted + reviews.edited + reviews.rejected)],
  ];
  return (
    <dl className="tiles">
      {shown.map(([name, value]) => <div key={name} data-cy={`tile-${name}`}><dt>{tiles[name]}</dt><dd>{value}</dd></div>)}
    </dl>
  );
}
