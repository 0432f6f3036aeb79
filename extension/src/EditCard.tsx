import type { RunResult } from '../../inference-server/src/contract/runs.ts';
import { SEGMENTS } from '../../inference-server/src/domain/label-map.ts';
import { fill, formatInstant, MESSAGES, type Language } from './messages.ts';
import { REVIEW_MESSAGES } from './review-messages.ts';
import { EDIT_TOOLS, type Editing, type EditTool, type ReviewSession } from './review-session.ts';
import { VolumeChange } from './VolumeChange.tsx';

interface EditCardProps {
  readonly session: ReviewSession;
  readonly language: Language;
  readonly editing: Editing;
  readonly conflict: boolean;
  /** What the model drew. */
  readonly model: RunResult;
}

const TOOLS = Object.keys(EDIT_TOOLS) as EditTool[];
const ORDER = [...SEGMENTS].reverse();
const RADIUS_RANGE_MM = { min: 1, max: 30 };

/** Drawing a correction with OHIF's own tools, and what becomes of it. */
export function EditCard({ session, language, editing, conflict, model }: EditCardProps) {
  const words = REVIEW_MESSAGES[language];
  const { phase, tool, segment, radiusMm, volumesMl, changed, keptAt, keepFailed, restoredFrom } = editing;
  if (phase === 'opening') return <p role="status">{words.opening}</p>;
  const saving = phase === 'saving';
  return (
    <section className="cb-edit cb-stack" aria-label={words.editing} data-cy="cerebloom-editing" data-changed={changed} data-kept={keptAt !== null}>
      <p className="cb-strong"><span aria-hidden="true">✎</span> {words.editing}</p>
      <p className="cb-note">{restoredFrom === null ? words.editingHint : fill(words.restored, { when: formatInstant(language, new Date(restoredFrom).toISOString()) })}</p>
      <div className="cb-row" role="group" aria-label={words.segment}>
        {ORDER.map(({ number, name, rgb }) => (
          <button key={name} type="button" className="cb-chip" aria-pressed={segment === number} onClick={() => session.chooseSegment(number)} data-cy={`draw-${name}`}>
            <span className="cb-swatch" style={{ background: `rgb(${rgb.join(' ')})` }} aria-hidden="true" />{MESSAGES[language].regions[name]}
          </button>
        ))}
      </div>
      <div className="cb-row" role="group" aria-label={words.tool}>
        {TOOLS.map(name => (
          <button key={name} type="button" className="cb-chip" aria-pressed={tool === name} onClick={() => session.chooseTool(name)} data-cy={`tool-${name}`}>{words.tools[name]}</button>
        ))}
        <button type="button" className="cb-chip" onClick={() => session.openMoreTools()}>{words.moreTools}</button>
      </div>
      <div className="cb-row cb-overlay">
        <label htmlFor="cb-radius">{words.radius}</label>
        <input id="cb-radius" type="range" {...RADIUS_RANGE_MM} step={1} value={radiusMm} onChange={event => session.chooseRadius(Number(event.target.value))} aria-valuetext={`${radiusMm} mm`} data-cy="cerebloom-radius" />
        <span className="cb-number">{radiusMm} mm</span>
      </div>
      <div className="cb-row">
        <button type="button" className="cb-button" onClick={() => session.undoStroke()} aria-keyshortcuts="Control+Z" title="Ctrl+Z" data-cy="cerebloom-undo-stroke">{words.undoStroke}</button>
        <button type="button" className="cb-button" onClick={() => session.redoStroke()} aria-keyshortcuts="Control+Y" title="Ctrl+Y">{words.redoStroke}</button>
      </div>
      {volumesMl && <VolumeChange language={language} from={model.volumesMl} to={volumesMl} heading={words.now} />}
      <p className={keepFailed ? 'cb-warning' : 'cb-note'} role="status">
        {keepFailed ? words.keepFailed : !changed ? words.unchanged : keptAt === null ? words.keeping : fill(words.kept, { when: formatInstant(language, new Date(keptAt).toISOString()) })}
      </p>
      <div className="cb-row cb-always">
        <button type="button" className="cb-button cb-primary" disabled={saving || !changed} onClick={() => void session.save(conflict)} {...(!conflict && { 'aria-keyshortcuts': 'Shift+S', title: 'Shift+S' })} data-cy="cerebloom-save">
          {saving ? words.saving : conflict ? words.replace : words.save}
        </button>
        <button type="button" className="cb-button" disabled={saving} onClick={() => void session.discard()} aria-keyshortcuts="Shift+D" title="Shift+D" data-cy="cerebloom-discard">{words.discard}</button>
      </div>
    </section>
  );
}
