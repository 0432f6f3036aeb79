import { fill, MESSAGES } from './messages.ts';
import { modelInUse } from './run-state.ts';
import type { PanelProps } from './SegmentTumourPanel.tsx';

/** The model of the next run, the choice where there are several, and its card: what it was made from and is not for. */
export function ModelChoice({ state, language, onChooseModel }: PanelProps) {
  const messages = MESSAGES[language];
  const model = modelInUse(state);
  if (!model) return null;
  return (
    <div>
      {state.models.length > 1 && (
        <div className="cb-choice cb-model">
          <label htmlFor="cb-model">{messages.model}</label>
          <select id="cb-model" value={model.id} onChange={event => onChooseModel(event.target.value)} data-cy="cb-model">
            {state.models.map(({ id, title, version }) => <option key={id} value={id}>{title} {version}</option>)}
          </select>
        </div>
      )}
      <details className="cb-unused">
        <summary>{fill(messages.modelCard, { model: model.title, version: model.version })}</summary>
        <p>{fill(messages.licence, { licence: model.licence })}</p>
        <div className="cb-card" lang="en">{model.card}</div>
      </details>
    </div>
  );
}
