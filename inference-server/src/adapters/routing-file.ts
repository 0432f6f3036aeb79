import { readFileSync } from 'node:fs';
import { ZodError } from 'zod';
import { Routing } from '../domain/routing.ts';

export class RoutingFileError extends Error {
  override readonly name = 'RoutingFileError';
}

/** @throws RoutingFileError that says what is wrong, and where. */
export function readRouting(path: string): Routing {
  try {
    return Routing.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    const words = cause instanceof ZodError ? cause.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`).join('; ') : (cause as Error).message;
    throw new RoutingFileError(`${path}: ${words}`, { cause });
  }
}
