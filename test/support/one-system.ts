import type { TestProject } from 'vitest/node';
import { startSystem, type RunningSystem } from './running-system.ts';

declare module 'vitest' {
  export interface ProvidedContext { system: RunningSystem }
}

/** All end-to-end tests that need a running system share one; a test that stops or breaks parts starts its own. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { system, stop } = await startSystem();
  project.provide('system', system);
  return stop;
}
