import { formatDice, formatMl, type Language } from '../../extension/src/messages.ts';
import type { ChartSpec } from './dashboard/chart-spec.ts';

const localeOf = (language: Language): string => (language === 'en' ? 'en-GB' : 'fr');

/** @param day `YYYY-MM-DD`, of the calendar that it was counted in. */
export const dayOf = (language: Language, day: string): string =>
  new Date(day).toLocaleDateString(localeOf(language), { dateStyle: 'medium', timeZone: 'UTC' });

/** A day, or the first and the last of those that are counted together. @param next the first of the following ones */
export function daysOf(language: Language, first: string, next: string | undefined, step: number): string {
  if (step === 1) return dayOf(language, first);
  const last = next === undefined ? Date.parse(first) + (step - 1) * DAY_MS : Date.parse(next) - DAY_MS;
  return `${shortDay(language, Date.parse(first))} – ${dayOf(language, new Date(last).toISOString().slice(0, 10))}`;
}
const DAY_MS = 86_400_000;

/** @param at ms since 1970, a UTC midnight */
export const shortDay = (language: Language, at: number): string =>
  new Date(at).toLocaleDateString(localeOf(language), { day: 'numeric', month: 'short', timeZone: 'UTC' });

export const formatCount = (language: Language, count: number): string => count.toLocaleString(localeOf(language));

export const formatShare = (language: Language, share: number, digits = 1): string =>
  share.toLocaleString(localeOf(language), { style: 'percent', maximumFractionDigits: digits });

/** Seconds as they are read: `8.4 s`, `3 min 05 s`. */
export function formatSeconds(language: Language, seconds: number): string {
  if (seconds < 100) return `${seconds.toLocaleString(localeOf(language), { maximumFractionDigits: seconds < 10 ? 1 : 0 })} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}

/** @param place axes have room for whole numbers only. */
export function valueOf(language: Language, unit: ChartSpec['unit'], value: number | null, place: 'axis' | 'text' = 'text'): string {
  if (value === null) return '–';
  switch (unit) {
    case 'count': return formatCount(language, value);
    case 'share': return formatShare(language, value, place === 'axis' ? 0 : 1);
    case 'dice': return formatDice(language, value);
    case 'seconds': return formatSeconds(language, value);
    case 'millilitres': return `${place === 'axis' ? formatCount(language, value) : formatMl(language, value)} mL`;
  }
}

/** A DICOM person name (PN, PS3.5 §6.2.1.1) as it is read: `DOE Jane`; the first component group, ideographic ones only where there is no other. */
export function personName(name: string): string {
  const group = name.split('=').find(text => text.replaceAll('^', '').trim() !== '') ?? '';
  const [family = '', given = '', middle = '', prefix = '', suffix = ''] = group.split('^').map(part => part.trim());
  return [prefix, family, given, middle, suffix].filter(Boolean).join(' ');
}
