import type { IncomingMessage, ServerResponse } from 'node:http';
import { resolve } from 'node:path';
import express, { Router, type Request, type RequestHandler, type Response } from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { basicAuthorization } from '../adapters/orthanc-client.ts';
import type { Permission } from '../domain/access.ts';
import { RequestError, UnavailableError, UpstreamError } from '../domain/errors.ts';
import type { AuditLog } from '../adapters/audit-log.ts';
import { addressOf, callerOf, requires } from './access.ts';
import { auditStudies } from './audit-studies.ts';
import { hasBody } from './bodies.ts';
import { sendProblem } from './problem.ts';
import { viewerPolicy } from './security-headers.ts';

interface GatewayDeps {
  readonly config: {
    readonly ORTHANC_URL: string;
    readonly ORTHANC_USER?: string | undefined;
    readonly ORTHANC_PASSWORD?: string | undefined;
    readonly MLFLOW_URL: string;
    readonly PUBLIC_URL?: string | undefined;
    readonly OHIF_DIR?: string | undefined;
    readonly PLUGINS_DIR?: string | undefined;
    readonly OIDC_ISSUER?: string | undefined;
    readonly UPLOADS_AT_ONCE: number;
  };
  /** The text of OHIF's `app-config.js`. */
  readonly appConfig: string;
  readonly audit: AuditLog;
}

/** DICOMweb proper (PS3.18): the plugin's own routes under the same root (servers, deletion, …) stay inside. */
const DICOMWEB_PATHS = /^\/(studies|series|instances)(\/|$)/;
/** Orthanc's web server resolves dot segments, which would lead out of the DICOMweb root. */
const LEAVES_ITS_ROOT = /(\.|%2e){2}|\\|%5c|%2f|\/\//i;
/** Also encoded twice: MLflow decodes the path of an artefact once more. */
const LEADS_UP = /(\.|%(25)*2e){2}(\/|\\|%(25)*(2f|5c)|&|$)/i;
/** A letter, digit or one of `-._~` that was encoded though nobody must (RFC 3986 §2.3): so that what is decoded behind the door is not what was checked. */
const ENCODED_IN_VAIN = /%(2[de]|5f|7e|3\d|[46][1-9a-f]|[57][0-9a])/i;
/** By these OHIF can be told to fetch its studies or its settings from elsewhere, and sends its token along (CVE-2026-12473). */
const LEAKING_PARAMETERS = ['url', 'configurl'];
const HASHED_FILE = /\.[0-9a-f]{16,20}\.(js|css|wasm)$|[/\\][0-9a-f]{16,20}\.(wasm|png|svg|woff2?)$/;
const UPLOAD_PAUSE_SECONDS = 5;
const A_YEAR_MS = 365 * 86_400_000;

/** What stands behind the one door: Orthanc's DICOMweb, MLflow's pages, our plugins and the stock OHIF viewer. */
export function gatewayRouter(deps: GatewayDeps): Router {
  const router = Router();
  router.use('/dicom-web', refuseNeedlessBody, dicomWebRules(), limitUploads(deps.config.UPLOADS_AT_ONCE), auditStudies(deps.audit), proxy(deps.config.ORTHANC_URL, '/dicom-web', 'ORTHANC_UNAVAILABLE', {
    keepHost: true, publicUrl: deps.config.PUBLIC_URL, authorization: deps.config.ORTHANC_USER === undefined ? undefined : basicAuthorization(deps.config.ORTHANC_USER, deps.config.ORTHANC_PASSWORD ?? ''),
  }));
  router.get('/mlflow', (req, res, next) => (req.originalUrl.split('?')[0] === '/mlflow' ? res.redirect(302, '/mlflow/') : next()));
  router.use('/mlflow', refuseNeedlessBody, stayInside, requires(mlflowPermission), limitSearches, refuseAssistant, auditMlflow(deps.audit), proxy(deps.config.MLFLOW_URL, '', 'MLFLOW_UNAVAILABLE', { keepHost: false, authorization: undefined }));
  router.use(viewerRouter(deps, requires('view')));
  return router;
}

/**
 * The viewer's own files: OHIF, its settings and our plugins, without any data.
 * @param guard who may have them; a viewer that signs in by itself must be there before anyone is known.
 */
export function viewerRouter(deps: Pick<GatewayDeps, 'config' | 'appConfig'>, guard: RequestHandler): Router {
  const router = Router();
  router.get('/app-config.js', guard, (_req, res) => {
    res.type('text/javascript').set('Cache-Control', 'no-cache').send(deps.appConfig);
  });
  router.use('/plugins', guard);
  if (deps.config.PLUGINS_DIR) router.use('/plugins', express.static(deps.config.PLUGINS_DIR, { index: false, redirect: false, setHeaders: revalidate }));
  // a missing plugin must be a 404: OHIF dies of the viewer page in its place
  router.use('/plugins', () => {
    throw new RequestError('NOT_FOUND', 404, 'There is no such plugin file');
  });
  if (deps.config.OHIF_DIR) router.use(guard, ohif(resolve(deps.config.OHIF_DIR), deps.config.OIDC_ISSUER));
  return router;
}

function dicomWebRules(): RequestHandler[] {
  const shape: RequestHandler = (req, _res, next) => {
    if (!DICOMWEB_PATHS.test(req.path) || LEAVES_ITS_ROOT.test(req.path) || ENCODED_IN_VAIN.test(req.path)) throw new RequestError('NOT_FOUND', 404, 'Only DICOMweb studies, series and instances are served here');
    if (Object.keys(req.query).some(name => name.toLowerCase() === '_method')) throw new RequestError('INVALID_REQUEST', 400, 'The method of a request can\'t be changed by a parameter');
    if (!['GET', 'HEAD', 'POST'].includes(req.method)) throw new RequestError('METHOD_NOT_ALLOWED', 405, 'DICOMweb here can be read and stored to');
    if (req.method === 'POST' && !/^\/studies(\/[0-9.]+)?\/?$/.test(req.path)) throw new RequestError('METHOD_NOT_ALLOWED', 405, 'Images are stored to /dicom-web/studies');
    next();
  };
  return [shape, requires((req): Permission => (req.method === 'POST' ? 'store' : 'view'))];
}

/** Each upload holds a thread of Orthanc, which must keep some for those who read. */
function limitUploads(atOnce: number): RequestHandler {
  let uploads = 0;
  return (req, res, next) => {
    if (req.method !== 'POST') return next();
    if (uploads >= atOnce) throw new UnavailableError('TOO_MANY_UPLOADS', `${atOnce} uploads are under way; send this one again in a moment`, undefined, UPLOAD_PAUSE_SECONDS);
    uploads++;
    res.once('close', () => uploads--);
    next();
  };
}

/** A server behind that does not read the body of such a request would take it for the next request, which nobody has checked. */
const refuseNeedlessBody: RequestHandler = (req, _res, next) => {
  if (hasBody(req) && ['GET', 'HEAD', 'OPTIONS'].includes(req.method)) throw new RequestError('INVALID_REQUEST', 400, `A ${req.method} request has no body here`);
  next();
};

/** MLflow holds a body in memory, however long; what its pages ask in one is short. */
const limitSearches: RequestHandler = (req, _res, next) => {
  if (req.method !== 'POST' || mlflowPermission(req) !== 'view') return next();
  const length = Number(req.headers['content-length'] ?? NaN);
  if (!(length <= LONGEST_SEARCH)) throw new RequestError('INVALID_REQUEST', Number.isNaN(length) ? 411 : 413, `A search says its length, of at most ${LONGEST_SEARCH} bytes`);
  next();
};
const LONGEST_SEARCH = 1_000_000;

/** Neither the path nor the path of an artefact in the query leads up or elsewhere. */
const stayInside: RequestHandler = (req, _res, next) => {
  const query = req.originalUrl.slice(req.originalUrl.indexOf('?') + 1);
  if (LEAVES_ITS_ROOT.test(req.path) || ENCODED_IN_VAIN.test(req.path) || req.originalUrl.includes('?') && LEADS_UP.test(query)) throw new RequestError('NOT_FOUND', 404, 'This path is not served here');
  next();
};

/**
 * MLflow's own searches are POST requests that change nothing. Its artefact store by path holds those of every run and
 * model; its pages ask for a run's artefacts by the run's id instead.
 */
function mlflowPermission(req: Request): Permission {
  if (/mlflow-artifacts/i.test(req.path)) return 'administer';
  const reads = req.method === 'GET' || req.method === 'HEAD' || (req.method === 'POST' && /\/(search|get-history-bulk-interval|graphql)$|\/(search-[a-z-]+|query)$/.test(req.path));
  return reads ? 'view' : 'administer';
}

/** What an administrator changes in MLflow past our own publishing. */
function auditMlflow(audit: AuditLog): RequestHandler {
  return async (req, _res, next) => {
    if (mlflowPermission(req) === 'administer' && req.method !== 'GET' && req.method !== 'HEAD') {
      const { name, role } = callerOf(req);
      await audit.write({ actor: name, role, address: addressOf(req), action: 'mlflow.change', object: `${req.method} ${req.path}`, outcome: 'success' });
    }
    next();
  };
}

/**
 * MLflow's assistant runs shell commands for whoever comes from its own machine, and through this door everyone does;
 * its gateway calls language models elsewhere. Neither is for the pages that are shown here.
 */
const refuseAssistant: RequestHandler = (req, res, next) => {
  // its pages ask which models of a gateway there are, and complain where they are refused
  if (req.method === 'GET' && req.path === GATEWAY_PROXY) return void res.json({ endpoints: [] });
  let path;
  try {
    path = decodeURIComponent(req.path);
  } catch {
    path = undefined;
  }
  if (path === undefined || MLFLOW_COMMANDS.test(path)) throw new RequestError('NOT_FOUND', 404, 'This part of MLflow is not served here');
  next();
};
const GATEWAY_PROXY = '/ajax-api/2.0/mlflow/gateway-proxy';
const MLFLOW_COMMANDS = /^\/+(gateway|mcp|(ajax-)?api\/+[^/]*\/+(mlflow\/+assistant|mlflow\/+gateway[^/]*|jobs))(\/|$)/i;

/** Orthanc takes another method than the one that was checked from such a header (and from `_method` in the query); the rest would change whom an answer names. */
const REWRITING_HEADERS = /^(forwarded|x-forwarded-.*|x-http-method.*|x-method-override|x-original-.*|x-rewrite-.*)$/;

function proxy(target: string, prefix: string, code: UpstreamError['code'], options: { keepHost: boolean; publicUrl?: string | undefined; authorization: string | undefined }): RequestHandler {
  return createProxyMiddleware<Request, Response>({
    target: target.replace(/\/$/, ''),
    // DICOMweb builds its BulkDataURIs from the Host header, behind a TLS proxy from Forwarded (RFC 7239); MLflow only answers to its own name
    changeOrigin: !options.keepHost,
    pathRewrite: path => prefix + path,
    headers: { ...(options.authorization && { authorization: options.authorization }) },
    proxyTimeout: 300_000,
    on: {
      proxyReq: (outgoing, req) => {
        // our session and tokens are nobody else's business
        outgoing.removeHeader('cookie');
        // an answer on a connection of its own, that stays HTTP/1.1
        outgoing.setHeader('connection', 'close');
        for (const header of ['upgrade', 'http2-settings', 'keep-alive', 'te', 'proxy-connection']) outgoing.removeHeader(header);
        for (const header of outgoing.getHeaderNames()) if (REWRITING_HEADERS.test(header)) outgoing.removeHeader(header);
        const door = options.publicUrl ?? (isEncrypted(req) && HOST.test(req.headers.host ?? '') ? `https://${req.headers.host}` : undefined);
        if (door !== undefined) {
          const { host, protocol } = new URL(door);
          outgoing.setHeader('forwarded', `host=${host};proto=${protocol.slice(0, -1)}`);
        }
        if (!options.authorization) outgoing.removeHeader('authorization');
        if (!options.keepHost) for (const header of ['origin', 'referer']) outgoing.removeHeader(header);
      },
      error: (cause, _req, res) => {
        if (!('status' in res) || res.headersSent) {
          res.destroy();
          return;
        }
        sendProblem(res, new UpstreamError(code, code === 'ORTHANC_UNAVAILABLE' ? 'Orthanc does not answer' : 'MLflow does not answer', cause));
      },
    },
  });
}

const HOST = /^(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d+)?$/i;
const isEncrypted = ({ socket }: IncomingMessage): boolean => 'encrypted' in socket && socket.encrypted === true;

function ohif(folder: string, provider: string | undefined): RequestHandler[] {
  const allowViewer = viewerPolicy(folder, provider);
  const files = express.static(folder, {
    index: false, redirect: false,
    setHeaders: (res, path) => {
      allowViewer(res);
      if (HASHED_FILE.test(path)) res.setHeader('Cache-Control', `private, max-age=${A_YEAR_MS / 1000}, immutable`);
      else revalidate(res);
    },
  });
  // OHIF's routes are made in the browser; a missing file stays missing
  const routes: RequestHandler = (req, res, next) => {
    const isPage = (req.method === 'GET' || req.method === 'HEAD') && !/\.[a-z0-9]+$/i.test(req.path) && (req.get('Accept') ?? '').includes('text/html');
    if (!isPage) return next();
    if (Object.keys(req.query).some(name => LEAKING_PARAMETERS.includes(name.toLowerCase()))) throw new RequestError('INVALID_REQUEST', 400, `The viewer takes no ${LEAKING_PARAMETERS.join(' or ')} here`);
    allowViewer(res);
    res.set('Cache-Control', 'no-cache').sendFile('index.html', { root: folder });
  };
  return [files, routes];
}

function revalidate(res: ServerResponse): void {
  res.setHeader('Cache-Control', 'no-cache');
}
