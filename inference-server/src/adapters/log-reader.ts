import { createReadStream, existsSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { RunLog } from '../contract/run-details.ts';
import { KEPT_FILES, logFile } from './logger.ts';

type Line = RunLog['lines'][number];

/**
 * The lines that tell of one run, oldest first. Every process on this machine writes to one log; a worker on another one
 * keeps its own.
 * @param since ms since 1970; files that were written last before are not looked at.
 * @param limit the newest are kept where there are more.
 */
export async function readRunLog(home: string, runId: string, since: number, limit: number): Promise<RunLog> {
  const lines: Line[] = [];
  let cut = false;
  for (const file of oldestFirst(logFile(home)).filter(path => writtenAt(path) >= since)) {
    for await (const text of createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Infinity })) {
      const line = text.includes(runId) ? parse(text) : undefined;
      if (!line || line.more.runId !== runId) continue;
      lines.push(line);
      if (lines.length > limit) {
        lines.shift();
        cut = true;
      }
    }
  }
  return { lines: lines.map(({ more: { runId: _, ...more }, ...line }) => ({ ...line, more })), cut };
}

const writtenAt = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

const oldestFirst = (file: string): string[] =>
  [...Array.from({ length: KEPT_FILES }, (_, n) => `${file}.${KEPT_FILES - n}`), file].filter(existsSync);

/** undefined for a line that was cut off, by a full disk say. */
function parse(text: string): Line | undefined {
  try {
    const { time, level, part, msg, err, ...more } = JSON.parse(text);
    // where in the code an error came from is for those who can read the file
    return { time, level, part, message: msg ?? '', more: { ...more, ...(err && { error: err.message }) } };
  } catch {
    return undefined;
  }
}
