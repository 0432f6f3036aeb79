import { useState } from 'react';
import { copyText } from './copy-text.ts';
import { MESSAGES } from './messages.ts';
import type { Explanation, Language } from './messages.ts';

interface ProblemProps {
  readonly language: Language;
  readonly code: string;
  /** The server's own sentence, in English. */
  readonly detail: string;
  readonly explanation: Explanation;
  readonly signIn?: boolean;
}

/** What went wrong, what to do next, and the code for whoever is asked for help. */
export function Problem({ language, code, detail, explanation, signIn }: ProblemProps) {
  const messages = MESSAGES[language];
  const [copied, setCopied] = useState(false);
  const copy = async () => setCopied(await copyText(`${code}: ${detail}`));
  return (
    <div className="cb-problem" role="alert" data-cy="cerebloom-problem" data-code={code}>
      <p className="cb-strong">{explanation.what}</p>
      <p lang="en" className="cb-detail">{detail}</p>
      <p>{explanation.next}</p>
      <p className="cb-row">
        {signIn && <a className="cb-button cb-primary" href={`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`}>{messages.signIn}</a>}
        <code>{code}</code>
        <button type="button" className="cb-button" onClick={() => void copy()}>{copied ? messages.copied : messages.copyCode}</button>
      </p>
    </div>
  );
}
