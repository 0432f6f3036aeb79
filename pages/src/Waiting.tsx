import type { ReactNode } from 'react';
import { Problem } from '../../extension/src/Problem.tsx';
import { explain } from '../../extension/src/messages.ts';
import { useLanguage } from './language.tsx';
import type { ApiError } from './page-api.ts';
import type { Loaded } from './use-data.ts';

/** What is shown until data is there, when there is none, and when asking failed; what was there stays. */
export function Waiting<T>({ of: { data, error, reload }, children }: { readonly of: Loaded<T>; readonly children: (data: T) => ReactNode }) {
  const { messages } = useLanguage();
  return (
    <>
      {error && <Failure error={error} onRetry={reload} />}
      {data === undefined ? !error && <p role="status" className="loading">{messages.loading}</p> : children(data)}
    </>
  );
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
