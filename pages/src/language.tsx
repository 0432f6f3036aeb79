import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { currentLanguage, languageOf, type Language } from '../../extension/src/messages.ts';
import { PAGE_MESSAGES, type PageMessages } from './messages.ts';

interface Spoken {
  readonly language: Language;
  readonly messages: PageMessages;
  readonly speak: (language: Language) => void;
}

const Context = createContext<Spoken | null>(null);

/** Keeps the language where OHIF keeps its own, so that both speak the same; `?lng=` chooses it as in OHIF. */
export function LanguageProvider({ title, children }: { readonly title: (messages: PageMessages) => string; readonly children: ReactNode }) {
  const [language, setLanguage] = useState(startLanguage);
  const spoken = useMemo(() => ({
    language, messages: PAGE_MESSAGES[language],
    speak: (wanted: Language) => {
      keep(wanted);
      setLanguage(wanted);
    },
  }), [language]);
  useEffect(() => {
    document.documentElement.lang = language;
    document.title = `CereBloom · ${title(spoken.messages)}`;
  }, [language, title, spoken]);
  return <Context.Provider value={spoken}>{children}</Context.Provider>;
}

export const useLanguage = (): Spoken => useContext(Context)!;

function startLanguage(): Language {
  const asked = new URLSearchParams(location.search).get('lng');
  if (asked) keep(languageOf(asked));
  return currentLanguage();
}

const keep = (language: Language): void => localStorage.setItem('i18nextLng', language === 'fr' ? 'fr' : 'en-US');
