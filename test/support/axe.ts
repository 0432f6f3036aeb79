import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds against WCAG 2.2 A and AA, as `rule: elements`. @param within selector of a part of the page; all of it where absent. */
export async function accessibilityFaults(page: Page, within = 'html'): Promise<string[]> {
  // evaluated from outside: the page's own policy lets no other script in
  await page.evaluate(AXE);
  return page.evaluate(async part => {
    interface Axe { run(part: string, options: object): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> }
    const { violations } = await (window as unknown as { axe: Axe }).axe.run(part, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} (${failureSummary})`).join('; ')}`);
  }, within);
}
