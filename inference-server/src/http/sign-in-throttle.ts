const FREE_FAILURES = 3;
const LONGEST_WAIT_MS = 60_000;
const FORGOTTEN_AFTER_MS = 15 * 60_000;

/** Makes guessing slow: from the fourth failure of an address on, each one doubles the wait, up to a minute. */
export class SignInThrottle {
  readonly #now: () => number;
  readonly #failures = new Map<string, { count: number; at: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** 0 when the address may try. */
  waitSeconds(address: string): number {
    const failures = this.#failures.get(address);
    if (!failures || failures.count <= FREE_FAILURES) return 0;
    const waitMs = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** (failures.count - FREE_FAILURES - 1));
    return Math.max(0, Math.ceil((failures.at + waitMs - this.#now()) / 1000));
  }

  failed(address: string): void {
    for (const [other, { at }] of this.#failures) if (this.#now() - at > FORGOTTEN_AFTER_MS) this.#failures.delete(other);
    this.#failures.set(address, { count: (this.#failures.get(address)?.count ?? 0) + 1, at: this.#now() });
  }

  succeeded(address: string): void {
    this.#failures.delete(address);
  }
}
