import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The folder of data and models that are not part of the project. */
export const sharedFolder = process.env.CEREBLOOM_SHARED ?? join(import.meta.dirname, '../../../shared');

/** A reason to skip a test, in words, where what it needs isn't there; else empty. */
export const lacks = (...paths: string[]): string => {
  const missing = paths.map(path => join(sharedFolder, path)).find(path => !existsSync(path));
  return missing ? `${missing} is absent (set CEREBLOOM_SHARED)` : '';
};
