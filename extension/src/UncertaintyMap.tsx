import { formatPercent, MESSAGES } from './messages.ts';
import type { PanelProps } from './SegmentTumourPanel.tsx';
import { LEVEL_COLOURS } from './uncertainty-levels.ts';

/** Shows where the model is unsure of the outline, and what the shades mean. */
export function UncertaintyMap({ state: { overlay, uncertainty }, language, onUncertainty }: PanelProps) {
  const messages = MESSAGES[language].uncertainty;
  const { view, map } = uncertainty;
  return (
    <div className="cb-stack cb-uncertainty">
      <button type="button" className="cb-button" aria-pressed={view === 'shown'} disabled={overlay !== 'shown' || view === 'loading'} onClick={onUncertainty} data-cy="cerebloom-uncertainty">{messages.show}</button>
      {view === 'absent' && <p className="cb-note" role="status">{messages.absent}</p>}
      {view === 'failed' && <p className="cb-note" role="alert">{messages.failed}</p>}
      {view === 'shown' && map && (
        <>
          <ul className="cb-legend">
            {map.levels.map((from, level) => (
              <li key={from}><span className="cb-swatch" style={{ background: `rgb(${LEVEL_COLOURS[level]!.join(' ')})` }} aria-hidden="true" />
                {formatPercent(language, from)}–{formatPercent(language, map.levels[level + 1] ?? 0.5)}
              </li>
            ))}
          </ul>
          <p className="cb-note">{messages.meaning}</p>
        </>
      )}
    </div>
  );
}
