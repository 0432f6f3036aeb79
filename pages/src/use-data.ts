import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError } from './page-api.ts';

export interface Loaded<T> {
  /** The last that came, also when a later request failed. */
  readonly data: T | undefined;
  readonly error: ApiError | undefined;
  readonly reload: () => void;
}

/**
 * Asks the server, and asks again every `everyMs` while the page is seen; a hidden one asks for nothing.
 * @param key what is asked for: another key makes it forget the data and ask anew.
 * @param everyMs null asks once.
 */
export function useData<T>(load: () => Promise<T>, key: string, everyMs: number | null = null): Loaded<T> {
  const [state, setState] = useState<{ key: string; data?: T; error?: ApiError }>({ key });
  const latest = useRef(load);
  latest.current = load;
  const [round, setRound] = useState(0);

  useEffect(() => {
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      try {
        const data = await latest.current();
        if (!over) setState({ key, data });
      } catch (cause) {
        const error = cause instanceof ApiError ? cause : new ApiError(0, 'UNEXPECTED', String(cause), cause);
        if (!over) setState(before => ({ ...(before.key === key ? before : { key }), error }));
      }
      if (!over && everyMs !== null) timer = setTimeout(askWhenSeen, everyMs);
    };
    const askWhenSeen = () => {
      if (document.visibilityState === 'visible') void ask();
      else document.addEventListener('visibilitychange', askWhenSeen, { once: true });
    };
    void ask();
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', askWhenSeen);
    };
  }, [key, everyMs, round]);

  const reload = useCallback(() => setRound(n => n + 1), []);
  const current = state.key === key ? state : undefined;
  return { data: current?.data, error: current?.error, reload };
}
