/** @param from,to ISO 8601; null where it has not happened. */
export const secondsBetween = (from: string | null, to: string | null): number | null =>
  (from === null || to === null ? null : Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000));
