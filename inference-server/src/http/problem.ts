import type { ErrorRequestHandler, RequestHandler, Response, Router } from 'express';
import { ZodError } from 'zod';
import { isConnectionLost } from '../adapters/database.ts';
import type { Logger } from '../adapters/logger.ts';
import type { Problem } from '../contract/runs.ts';
import { AccessError, AppError, RequestError, RunRefusedError, UnavailableError } from '../domain/errors.ts';

const TITLES: Record<number, string> = {
  400: 'Bad request', 401: 'Not signed in', 403: 'Not allowed', 404: 'Not found', 405: 'Method not allowed', 409: 'Conflict',
  413: 'Too large', 415: 'Unsupported media type', 422: 'Can\'t be segmented', 429: 'Too many attempts', 500: 'Internal error', 502: 'Another system failed', 503: 'Not now',
};

/** Answers RFC 9457 problem details. */
export function sendProblem(res: Response, error: AppError): void {
  const problem: Problem = {
    type: `/docs#${error.code}`, title: TITLES[error.httpStatus] ?? 'Error', status: error.httpStatus, code: error.code, detail: error.message,
    ...(error instanceof RunRefusedError && { runId: error.runId }),
  };
  if (error instanceof AccessError && error.httpStatus === 401) res.set('WWW-Authenticate', 'Bearer realm="cerebloom"');
  if (error instanceof UnavailableError) res.set('Retry-After', String(error.retryAfterSeconds));
  res.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

/** The last handler: every error leaves as a problem; what we did not foresee is logged and told without its details. */
export function errorHandler(log: Logger): ErrorRequestHandler {
  return (error, req, res, _next) => {
    const known = toAppError(error);
    if (!known) log.error({ err: error, method: req.method, path: req.path }, 'unexpected error');
    if (res.headersSent) {
      res.destroy();
      return;
    }
    sendProblem(res, known ?? new UnexpectedError());
  };
}

export const notFound: RequestHandler = () => {
  throw new RequestError('NOT_FOUND', 404, 'There is nothing at this address; /docs lists what there is');
};

/** 405 with `Allow` for paths that exist with another method. */
export function refuseOtherMethods(router: Router): void {
  const methods = new Map<string, Set<string>>();
  for (const layer of router.stack) {
    const route = layer.route as { path: string; stack: { method: string }[] } | undefined;
    for (const { method } of route?.stack ?? []) {
      if (route && method) methods.set(route.path, (methods.get(route.path) ?? new Set()).add(method.toUpperCase()));
    }
  }
  for (const [path, known] of methods) {
    const allowed = [...known, ...(known.has('GET') ? ['HEAD'] : [])].join(', ');
    router.all(path, (req, res) => {
      res.set('Allow', allowed);
      throw new RequestError('METHOD_NOT_ALLOWED', 405, `${req.method} is not possible here (${allowed})`);
    });
  }
}

class UnexpectedError extends AppError {
  override readonly name = 'UnexpectedError';
  readonly code = 'INTERNAL';
  readonly httpStatus = 500;
  constructor() {
    super('Something went wrong that should not have; the log tells more');
  }
}

function toAppError(error: unknown): AppError | undefined {
  if (error instanceof AppError) return error;
  if (error instanceof ZodError) {
    const words = error.issues.map(issue => [issue.path.join('.'), issue.message].filter(Boolean).join(': ')).join('; ');
    return new RequestError('INVALID_REQUEST', 400, words);
  }
  if (isConnectionLost(error)) return new UnavailableError('DATABASE_UNAVAILABLE', 'The database does not answer; it is tried again', error);
  // body-parser's and the router's errors carry a type or a status (http-errors)
  const { type, status } = error as { type?: string; status?: number };
  if (type === 'entity.parse.failed') return new RequestError('MALFORMED_JSON', 400, 'The body is not valid JSON');
  if (type === 'entity.too.large') return new RequestError('BODY_TOO_LARGE', 413, 'The body is too large');
  if (type === 'charset.unsupported' || type === 'encoding.unsupported') return new RequestError('UNSUPPORTED_MEDIA_TYPE', 415, 'The body must be JSON in UTF-8');
  if (status !== undefined && status >= 400 && status < 500) return new RequestError('INVALID_REQUEST', 400, 'The request can\'t be read');
  return undefined;
}
