import { readFileSync } from 'node:fs';

/** Whether a process runs; one that has ended and that nobody has asked for its end (a zombie) does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
