import { ApiError, segmentOfMany } from '../page-api.ts';

/** What became of one study of a batch. */
export type Asked =
  | { readonly kind: 'asking' }
  | { readonly kind: 'started' }
  /** The same work was done before. */
  | { readonly kind: 'known' }
  | { readonly kind: 'refused'; readonly error: ApiError };

/** Requests at the same time: each makes the server look at all of a study's series. */
const AT_ONCE = 2;

/** Asks for a run of every study; one that can't be segmented does not keep the others from it. */
export async function segmentAll(studies: readonly string[], onAsked: (study: string, asked: Asked) => void): Promise<void> {
  let next = 0;
  const take = async () => {
    while (next < studies.length) {
      const study = studies[next++]!;
      onAsked(study, { kind: 'asking' });
      onAsked(study, await segmentOne(study));
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, studies.length) }, take));
}

async function segmentOne(study: string): Promise<Asked> {
  try {
    const { state } = await segmentOfMany(study);
    return { kind: state === 'completed' ? 'known' : 'started' };
  } catch (cause) {
    if (cause instanceof ApiError) return { kind: 'refused', error: cause };
    throw cause;
  }
}
