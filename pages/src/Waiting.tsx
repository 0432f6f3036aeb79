import type { ReactNode } from 'react';
import { Problem } from '../../extension/src/Problem.tsx';
import { explain } from '../../extension/src/messages.ts';
import { useLanguage } from './language.tsx';
import type { ApiError } from './page-api.ts';
import type { Loaded } from './use-data.ts';

interface WaitingProps<T> {
  readonly of: Loaded<T>;
  /** Where the page tells of failures in one place. */
  readonly quiet?: boolean;
  readonly children: (data: T) => ReactNode;
}

/** What is shown until data is there and when asking failed; what was there stays. */
export function Waiting<T>({ of: { data, error, reload }, quiet = false, children }: WaitingProps<T>) {
  const { messages } = useLanguage();
  return (
    <>
      {error && !quiet && <Failure error={error} onRetry={reload} />}
      {data === undefined ? <p role="status" className="empty">{error ? '–' : messages.loading}</p> : children(data)}
    </>
  );
}

/** Each kind of failure once, however many requests met it. */
export function Failures({ of }: { readonly of: readonly Loaded<unknown>[] }) {
  const failed = of.filter(({ error }) => error);
  const kinds = new Map(failed.map(({ error }) => [error!.code, error!]));
  return [...kinds].map(([code, error]) => <Failure key={code} error={error} onRetry={() => failed.forEach(({ reload }) => reload())} />);
}

export function Failure({ error, onRetry }: { readonly error: ApiError; readonly onRetry?: () => void }) {
  const { language, messages } = useLanguage();
  return (
    <div className="failure">
      <Problem language={language} code={error.code} detail={error.message} explanation={explain(language, error.code, error.status)} signIn={error.status === 401} />
      {onRetry && error.status !== 401 && <button type="button" className="cb-button" onClick={onRetry}>{messages.retry}</button>}
    </div>
  );
}
