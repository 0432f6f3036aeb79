import express, { type Express, type RequestHandler } from 'express';
import type { RoutingRules } from './adapters/routing-file.ts';
import { isHttps } from './config.ts';
import type { Context } from './context.ts';
import { auditRefusals, authenticate, requires } from './http/access.ts';
import { auditViews } from './http/audit-studies.ts';
import { auditRouter } from './http/audit.ts';
import { refuseHostileJson, refuseSlowBodies } from './http/bodies.ts';
import { docsRouter } from './http/docs.ts';
import { gatewayRouter, viewerRouter } from './http/gateway.ts';
import { livenessRouter, readinessRouter } from './http/health.ts';
import { meRouter } from './http/me.ts';
import { metrics } from './http/metrics.ts';
import { modelsRouter } from './http/models.ts';
import { pagesRouter } from './http/pages.ts';
import { errorHandler, notFound, refuseOtherMethods } from './http/problem.ts';
import { priorsRouter } from './http/priors.ts';
import { requestId } from './http/request-id.ts';
import { runDetailsRouter } from './http/run-details.ts';
import { runsRouter } from './http/runs.ts';
import { pathsOnly, securityHeaders } from './http/security-headers.ts';
import { signInRouter } from './http/sign-in.ts';
import { lookAhead, statisticsRouter } from './http/statistics.ts';
import { studiesRouter } from './http/studies.ts';
import { workListRouter } from './http/work-list.ts';

/** A corrected label map: some hundred slices of a few kB. */
const CORRECTION_LIMIT = '32mb';

/** A compressed body may be small on the wire and without end when it is unpacked; nobody needs one. */
const JSON_BODY = { type: () => true, inflate: false, verify: refuseHostileJson } as const;

/** The gateway: one door for viewer, API, images and MLflow's pages. */
export function buildApp(context: Context, appConfig: string, rules?: RoutingRules): Express {
  const { config, log } = context;
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  if (config.TRUST_PROXY) app.set('trust proxy', config.TRUST_PROXY);
  const { observe, router: metricsRoutes } = metrics(context);
  app.use(requestId, observe, securityHeaders({ https: isHttps(config) }), pathsOnly, refuseSlowBodies());
  app.use(livenessRouter());
  app.use(signInRouter({ ...context, secureCookies: isHttps(config), publicUrl: config.PUBLIC_URL }));
  // OHIF signs in at the provider by itself, so its files come before anyone is known
  if (config.OIDC_CLIENT_ID !== undefined) app.use(onlyViewerPaths(viewerRouter({ config, appConfig }, (_req, _res, next) => next())));
  app.use(authenticate({ ...context, auth: config.AUTH, meanwhile: lookAhead(context.statistics) }));

  const api = [
    runsRouter({ ...context, models: context.catalogue }), runDetailsRouter(context),
    studiesRouter(context), priorsRouter(context), workListRouter(context), modelsRouter(context), statisticsRouter(context), meRouter(), auditRouter(context),
  ];
  const operation = [readinessRouter({ ...context, rules }), metricsRoutes];
  for (const router of [...api, ...operation]) refuseOtherMethods(router);
  app.use('/api/v1/runs/:id/review', requires('review'), express.json({ ...JSON_BODY, limit: CORRECTION_LIMIT }));
  app.use('/api/v1', express.json({ ...JSON_BODY, limit: '64kb' }), auditViews(context.audit), ...api, notFound);
  app.use(...operation, docsRouter(), pagesRouter());
  app.use(gatewayRouter({ ...context, appConfig }));
  app.use(notFound, auditRefusals(context.audit), errorHandler(log));
  return app;
}

/** Everything else is for those who are known. */
const onlyViewerPaths = (viewer: RequestHandler): RequestHandler => (req, res, next) =>
  (/^\/(api|dicom-web|mlflow|docs|metrics|health|dashboard|work-list|openapi\.json)(\/|$)/i.test(req.path) ? next() : viewer(req, res, next));
