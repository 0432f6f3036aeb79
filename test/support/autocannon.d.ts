declare module 'autocannon' {
  interface Options {
    readonly url: string;
    readonly connections: number;
    /** Seconds. */
    readonly duration: number;
    /** Requests per second, of all connections together. */
    readonly overallRate?: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly requests?: readonly { readonly path: string }[];
    /** Seconds. */
    readonly timeout?: number;
  }
  interface Percentiles { readonly p50: number; readonly p99: number; readonly max: number; readonly average: number }
  interface Result {
    readonly errors: number;
    readonly timeouts: number;
    readonly non2xx: number;
    readonly '2xx': number;
    readonly duration: number;
    /** Milliseconds. */
    readonly latency: Percentiles;
    readonly requests: Percentiles & { readonly total: number };
  }
  export default function autocannon(options: Options): Promise<Result>;
}
