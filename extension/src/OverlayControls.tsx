import { MESSAGES } from './messages.ts';
import type { PanelProps } from './SegmentTumourPanel.tsx';

/** How strongly the overlay covers the images, and whether as areas or as lines. */
export function OverlayControls({ state: { overlay, overlayStyle }, language, onStyle }: PanelProps) {
  const messages = MESSAGES[language];
  const disabled = overlay !== 'shown';
  const { opacity, fill } = overlayStyle;
  return (
    <div className="cb-row cb-overlay">
      <label htmlFor="cb-opacity">{messages.opacity}</label>
      <input id="cb-opacity" type="range" min={0} max={1} step={0.05} value={opacity} disabled={disabled || !fill} onChange={event => onStyle({ opacity: Number(event.target.value) })}
        aria-valuetext={`${Math.round(opacity * 100)} %`} />
      <button type="button" className="cb-button" disabled={disabled} aria-pressed={!fill} onClick={() => onStyle({ fill: !fill })} data-cy="cerebloom-outline">{messages.outline}</button>
    </div>
  );
}
