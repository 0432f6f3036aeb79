import type { ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { LanguageProvider } from './language.tsx';
import type { PageMessages } from './messages.ts';
import './page.css';

/** @param title in the tab, in the reader's language; the same function every time. */
export function startPage(page: ReactNode, title: (messages: PageMessages) => string): void {
  createRoot(document.getElementById('root')!).render(<LanguageProvider title={title}>{page}</LanguageProvider>);
}
