import type { Slice } from '../page-api.ts';

export const PERIODS = [7, 30, 90, 365] as const;
export const SLICES = ['model', 'trigger', 'scanner', 'site', 'physician'] as const satisfies readonly (keyof Slice)[];

/** What the dashboard shows; it stands in the address, so that it can be kept and sent. */
export interface View {
  readonly days: (typeof PERIODS)[number];
  readonly slice: Slice;
}

/** @param search of the address; what it does not say, or says wrongly, is 30 days of all runs. */
export function readView(search: string): View {
  const asked = new URLSearchParams(search);
  const dimension = SLICES.find(name => asked.get(name));
  return {
    days: PERIODS.find(period => String(period) === asked.get('days')) ?? 30,
    slice: dimension ? { [dimension]: asked.get(dimension)! } : {},
  };
}

/** Days that are one point of a chart: single days of a year are too many to be told apart, and too few runs each to say much. */
export const stepOf = (days: View['days']): number => (days === 365 ? 7 : 1);

export const hrefOf = ({ days, slice }: View): string => `/dashboard?${new URLSearchParams({ days: String(days), ...slice })}`;
