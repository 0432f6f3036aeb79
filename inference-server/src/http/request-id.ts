import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';
import { logContext } from '../adapters/logger.ts';

/** What a reverse proxy before us may have called the request; anything else could forge log lines or be endless. */
const REQUEST_ID = /^[\w.-]{1,64}$/;

/** Gives each request an id, which is in its answer (`X-Request-Id`) and in every line that is logged about it. */
export const requestId: RequestHandler = (req, res, next) => {
  const given = req.get('X-Request-Id');
  const id = given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
  res.set('X-Request-Id', id);
  logContext.run({ requestId: id }, next);
};
