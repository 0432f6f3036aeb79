import { readFileSync, statSync } from 'node:fs';
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

/** The rules as the file has them: a change is taken up at once, a bad one leaves the rules as they were and says so. */
export class RoutingRules {
  readonly #path: string;
  readonly #check: (routing: Routing) => Promise<void>;
  readonly #onChange: (problem: string | null) => void;
  #routing: Routing;
  #seen: string;
  #problem: string | null = null;

  private constructor(path: string, check: (routing: Routing) => Promise<void>, onChange: (problem: string | null) => void, routing: Routing, seen: string) {
    [this.#path, this.#check, this.#onChange, this.#routing, this.#seen] = [path, check, onChange, routing, seen];
  }

  /**
   * @param check of what the file alone can't say (are the models there?); throws.
   * @param onChange told of every change of the file, with what is wrong with it.
   * @throws RoutingFileError, and what `check` throws.
   */
  static async open(path: string, check: (routing: Routing) => Promise<void>, onChange: (problem: string | null) => void): Promise<RoutingRules> {
    const seen = versionOf(path);
    const routing = readRouting(path);
    await check(routing);
    return new RoutingRules(path, check, onChange, routing, seen);
  }

  /** Why the file, as it is now, is not followed. */
  get problem(): string | null {
    return this.#problem;
  }

  async current(): Promise<Routing> {
    const seen = versionOf(this.#path);
    if (seen === this.#seen) return this.#routing;
    this.#seen = seen;
    try {
      const routing = readRouting(this.#path);
      await this.#check(routing);
      [this.#routing, this.#problem] = [routing, null];
    } catch (error) {
      this.#problem = (error as Error).message;
    }
    this.#onChange(this.#problem);
    return this.#routing;
  }
}

function versionOf(path: string): string {
  const file = statSync(path, { bigint: true, throwIfNoEntry: false });
  return file ? `${file.ino} ${file.mtimeNs} ${file.size}` : 'absent';
}
