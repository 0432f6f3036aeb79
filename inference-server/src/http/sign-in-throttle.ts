import { isIPv6 } from 'node:net';

const FREE_FAILURES = 3;
const LONGEST_WAIT_MS = 60_000;
const FORGOTTEN_AFTER_MS = 15 * 60_000;

/**
 * Makes guessing slow, by what time has passed: a clock that is set neither frees nor locks out anyone. Once an address has used
 * up its free failures, each one doubles the wait, up to a minute.
 */
export class SignInThrottle {
  readonly #now: () => number;
  readonly #free: number;
  readonly #failures = new Map<string, { count: number; at: number }>();

  constructor(now = () => performance.now(), free = FREE_FAILURES) {
    this.#now = now;
    this.#free = free;
  }

  /** 0 when the address may try. */
  waitSeconds(address: string): number {
    const failures = this.#failures.get(networkOf(address));
    if (!failures || failures.count <= this.#free) return 0;
    const waitMs = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** (failures.count - this.#free - 1));
    return Math.max(0, Math.ceil((failures.at + waitMs - this.#now()) / 1000));
  }

  failed(address: string): void {
    for (const [other, { at }] of this.#failures) if (this.#now() - at > FORGOTTEN_AFTER_MS) this.#failures.delete(other);
    const network = networkOf(address);
    this.#failures.set(network, { count: (this.#failures.get(network)?.count ?? 0) + 1, at: this.#now() });
  }

  succeeded(address: string): void {
    this.#failures.delete(networkOf(address));
  }
}

/** Whoever has one IPv6 address has 2^64 of them: the network counts (RFC 4291 §2.5.4). */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head.split(':').filter(Boolean);
  const after = tail?.split(':').filter(Boolean) ?? [];
  return [...groups, ...Array<string>(8 - groups.length - after.length).fill('0'), ...after].slice(0, 4).join(':');
}
