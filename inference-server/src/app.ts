import express, { type Express } from 'express';
import helmet from 'helmet';
import type { RoutingRules } from './adapters/routing-file.ts';
import { artefactsFolder, type Context } from './context.ts';
import { auditRefusals, authenticate, requires } from './http/access.ts';
import { docsRouter } from './http/docs.ts';
import { gatewayRouter, inlineScriptHashes } from './http/gateway.ts';
import { livenessRouter, readinessRouter } from './http/health.ts';
import { meRouter } from './http/me.ts';
import { metrics } from './http/metrics.ts';
import { modelsRouter } from './http/models.ts';
import { pagesRouter } from './http/pages.ts';
import { errorHandler, notFound, refuseOtherMethods } from './http/problem.ts';
import { runDetailsRouter } from './http/run-details.ts';
import { runsRouter } from './http/runs.ts';
import { signInRouter } from './http/sign-in.ts';
import { statisticsRouter } from './http/statistics.ts';
import { studiesRouter } from './http/studies.ts';
import { workListRouter } from './http/work-list.ts';

/** A corrected label map: some hundred slices of a few kB. */
const CORRECTION_LIMIT = '32mb';

/** The gateway: one door for viewer, API, images and MLflow's pages. */
export function buildApp(context: Context, appConfig: string, rules?: RoutingRules): Express {
  const { config, log } = context;
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  if (config.TRUST_PROXY) app.set('trust proxy', config.TRUST_PROXY);
  const { observe, router: metricsRoutes } = metrics(context);
  app.use(observe, securityHeaders(config.OHIF_DIR, config.PUBLIC_URL?.startsWith('https:') ?? false));
  app.use(livenessRouter());
  app.use(signInRouter({ ...context, secureCookies: config.PUBLIC_URL?.startsWith('https:') ?? false }));
  app.use(authenticate({ tokens: context.tokens, auth: config.AUTH }));

  const api = [
    runsRouter({ ...context, models: context.catalogue }), runDetailsRouter({ ...context, artefactsFolder: artefactsFolder(config) }),
    studiesRouter(context), workListRouter(context), modelsRouter(context), statisticsRouter(context), meRouter(),
  ];
  const operation = [readinessRouter({ ...context, rules }), metricsRoutes];
  for (const router of [...api, ...operation]) refuseOtherMethods(router);
  app.use('/api/v1/runs/:id/review', requires('review'), express.json({ limit: CORRECTION_LIMIT, type: () => true }));
  app.use('/api/v1', express.json({ limit: '64kb', type: () => true }), ...api, notFound);
  app.use(...operation, docsRouter(), pagesRouter());
  app.use(gatewayRouter({ config, appConfig }));
  app.use(notFound, auditRefusals(context.audit), errorHandler(log));
  return app;
}

/**
 * OHIF needs cross-origin isolation (SharedArrayBuffer), WebAssembly, workers from blobs, inline styles and evaluated
 * code (ndarray, by which it reads a SEG, and its image decoders make functions from text); nothing
 * needs another host.
 */
function securityHeaders(ohifDir: string | undefined, https: boolean) {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'", "'unsafe-eval'", 'blob:', ...inlineScriptHashes(ohifDir)],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:', 'blob:'],
        fontSrc: ["'self'", 'data:'],
        connectSrc: ["'self'", 'data:', 'blob:'],
        workerSrc: ["'self'", 'blob:'],
        objectSrc: ["'none'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'self'"],
      },
    },
    crossOriginEmbedderPolicy: { policy: 'require-corp' },
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'same-origin' },
    strictTransportSecurity: https,
  });
}
