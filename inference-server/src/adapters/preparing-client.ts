import pg from 'pg';

/** Statements that a connection keeps prepared: planning one of many rows takes longer than running it. */
const PREPARED = 500;
const names = new Map<string, string>();

/** Gives each statement with parameters a name, by which PostgreSQL knows it again. */
export class PreparingClient extends pg.Client {
  // the types of pg's overloads can't be followed by an override
  override query(...args: never[]): never {
    const [text, values] = args as unknown[];
    const name = typeof text === 'string' && Array.isArray(values) && values.length > 0 ? nameOf(text) : undefined;
    return (super.query as (...args: unknown[]) => never)(...(name === undefined ? args : [{ name, text, values }, ...args.slice(2)]));
  }
}

function nameOf(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined || names.size >= PREPARED) return known;
  names.set(text, `cerebloom-${names.size}`);
  return names.get(text);
}
