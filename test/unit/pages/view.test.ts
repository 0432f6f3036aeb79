import { describe, expect, it } from 'vitest';
import { hrefOf, readView } from '../../../pages/src/dashboard/view.ts';

describe('what the dashboard shows', () => {
  it.each([{ days: 7, slice: {} }, { days: 365, slice: { model: 'first-unet@1.0.0' } }] as const)('stands in its address: %o', view => {
    expect(readView(new URL(hrefOf(view), 'http://here').search)).toEqual(view);
  });

  it.each(['', '?days=12', '?days=x&model='])('is 30 days of all runs where the address is "%s"', search => {
    expect(readView(search)).toEqual({ days: 30, slice: {} });
  });
});
