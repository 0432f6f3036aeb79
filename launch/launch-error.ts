/** A failure of set-up or start. The message is a sentence that says what to do; `code` is stable for programs. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';
  readonly code: string;
  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
