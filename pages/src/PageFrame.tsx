import type { ReactNode } from 'react';
import { fill, type Language } from '../../extension/src/messages.ts';
import type { Me } from '../../inference-server/src/contract/callers.ts';
import { useLanguage } from './language.tsx';

export type Place = 'work-list' | 'dashboard';

interface FrameProps {
  readonly place: Place;
  readonly me: Me | undefined;
  readonly children: ReactNode;
}

/** The same head and foot on every page of ours, with the ways to all other parts. */
export function PageFrame({ place, me, children }: FrameProps) {
  const { messages } = useLanguage();
  const { links } = messages;
  const link = (name: Place, href: string) => <a href={href} aria-current={place === name ? 'page' : undefined}>{links[name]}</a>;
  return (
    <>
      <a className="skip" href="#main">{messages.skip}</a>
      <header className="head">
        <p className="brand"><span>Cere</span>Bloom</p>
        <nav aria-label={messages.navigation}>
          {link('work-list', '/work-list')}
          {link('dashboard', '/dashboard')}
          <a href="/">{links.viewer}</a>
          <a href="/mlflow/">{links.mlflow}</a>
          <a href="/docs">{links.api}</a>
        </nav>
        <div className="head-end">
          <Languages />
          {me && <span className="quiet">{fill(messages.signedInAs, { name: me.name })}</span>}
          <form method="post" action="/sign-out"><button type="submit" className="cb-button">{messages.signOut}</button></form>
        </div>
      </header>
      <main id="main" tabIndex={-1}>{children}</main>
      <footer className="foot"><strong>{messages.notMedicalDevice}</strong> {messages.legal}</footer>
    </>
  );
}

const NAMES: Record<Language, string> = { en: 'English', fr: 'Français' };

function Languages() {
  const { language, messages, speak } = useLanguage();
  return (
    <div role="group" aria-label={messages.language} className="languages">
      {(Object.keys(NAMES) as Language[]).map(name => (
        <button key={name} type="button" lang={name} aria-pressed={name === language} onClick={() => speak(name)}>{NAMES[name]}</button>
      ))}
    </div>
  );
}
