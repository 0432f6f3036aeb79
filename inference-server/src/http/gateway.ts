import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import express, { Router, type Request, type RequestHandler, type Response } from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { basicAuthorization } from '../adapters/orthanc-client.ts';
import type { Permission } from '../domain/access.ts';
import { RequestError, UpstreamError } from '../domain/errors.ts';
import { requires } from './access.ts';
import { sendProblem } from './problem.ts';

interface GatewayDeps {
  readonly config: {
    readonly ORTHANC_URL: string;
    readonly ORTHANC_USER?: string | undefined;
    readonly ORTHANC_PASSWORD?: string | undefined;
    readonly MLFLOW_URL: string;
    readonly PUBLIC_URL?: string | undefined;
    readonly OHIF_DIR?: string | undefined;
    readonly PLUGINS_DIR?: string | undefined;
  };
  /** The text of OHIF's `app-config.js`. */
  readonly appConfig: string;
}

/** DICOMweb proper (PS3.18): the plugin's own routes under the same root (servers, deletion, …) stay inside. */
const DICOMWEB_PATHS = /^\/(studies|series|instances)(\/|$)/;
/** Orthanc's web server resolves dot segments, which would lead out of the DICOMweb root. */
const LEAVES_ITS_ROOT = /(\.|%2e){2}|\\|%5c|%2f|\/\//i;
const HASHED_FILE = /\.[0-9a-f]{16,20}\.(js|css|wasm)$|[/\\][0-9a-f]{16,20}\.(wasm|png|svg|woff2?)$/;
const A_YEAR_MS = 365 * 86_400_000;

/** What stands behind the one door: Orthanc's DICOMweb, MLflow's pages, our plugins and the stock OHIF viewer. */
export function gatewayRouter(deps: GatewayDeps): Router {
  const router = Router();
  router.use('/dicom-web', dicomWebRules(), proxy(deps.config.ORTHANC_URL, '/dicom-web', 'ORTHANC_UNAVAILABLE', {
    keepHost: true, publicUrl: deps.config.PUBLIC_URL, authorization: deps.config.ORTHANC_USER === undefined ? undefined : basicAuthorization(deps.config.ORTHANC_USER, deps.config.ORTHANC_PASSWORD ?? ''),
  }));
  router.get('/mlflow', (req, res, next) => (req.originalUrl.split('?')[0] === '/mlflow' ? res.redirect(302, '/mlflow/') : next()));
  router.use('/mlflow', requires(mlflowPermission), refuseAssistant, proxy(deps.config.MLFLOW_URL, '', 'MLFLOW_UNAVAILABLE', { keepHost: false, authorization: undefined }));
  router.get('/app-config.js', requires('view'), (_req, res) => {
    res.type('text/javascript').set('Cache-Control', 'no-cache').send(deps.appConfig);
  });
  router.use('/plugins', requires('view'));
  if (deps.config.PLUGINS_DIR) router.use('/plugins', express.static(deps.config.PLUGINS_DIR, { index: false, redirect: false, setHeaders: revalidate }));
  // a missing plugin must be a 404: OHIF dies of the viewer page in its place
  router.use('/plugins', () => {
    throw new RequestError('NOT_FOUND', 404, 'There is no such plugin file');
  });
  if (deps.config.OHIF_DIR) router.use(requires('view'), ohif(resolve(deps.config.OHIF_DIR)));
  return router;
}

/** Hashes of OHIF's inline scripts, for the content security policy (CSP3 §8.3). */
export function inlineScriptHashes(ohifDir: string | undefined): string[] {
  const page = ohifDir && join(ohifDir, 'index.html');
  if (!page || !existsSync(page)) return [];
  const scripts = readFileSync(page, 'utf8').matchAll(/<script>([\s\S]*?)<\/script>/g);
  return [...scripts].map(([, code]) => `'sha256-${createHash('sha256').update(code!).digest('base64')}'`);
}

function dicomWebRules(): RequestHandler[] {
  const shape: RequestHandler = (req, _res, next) => {
    if (!DICOMWEB_PATHS.test(req.path) || LEAVES_ITS_ROOT.test(req.path)) throw new RequestError('NOT_FOUND', 404, 'Only DICOMweb studies, series and instances are served here');
    if (!['GET', 'HEAD', 'POST'].includes(req.method)) throw new RequestError('METHOD_NOT_ALLOWED', 405, 'DICOMweb here can be read and stored to');
    if (req.method === 'POST' && !/^\/studies(\/[0-9.]+)?\/?$/.test(req.path)) throw new RequestError('METHOD_NOT_ALLOWED', 405, 'Images are stored to /dicom-web/studies');
    next();
  };
  return [shape, requires((req): Permission => (req.method === 'POST' ? 'store' : 'view'))];
}

/** MLflow's own searches are POST requests that change nothing. */
function mlflowPermission(req: Request): Permission {
  const reads = req.method === 'GET' || req.method === 'HEAD' || (req.method === 'POST' && /\/(search|get-history-bulk-interval|graphql)$|\/(search-[a-z-]+|query)$/.test(req.path));
  return reads ? 'view' : 'administer';
}

/**
 * MLflow's assistant runs shell commands for whoever comes from its own machine, and through this door everyone does;
 * its gateway calls language models elsewhere. Neither is for the pages that are shown here.
 */
const refuseAssistant: RequestHandler = (req, _res, next) => {
  let path;
  try {
    path = decodeURIComponent(req.path);
  } catch {
    path = undefined;
  }
  if (path === undefined || MLFLOW_COMMANDS.test(path)) throw new RequestError('NOT_FOUND', 404, 'This part of MLflow is not served here');
  next();
};
const MLFLOW_COMMANDS = /^\/+(gateway|mcp|ajax-api\/+[^/]*\/+(mlflow\/+assistant|mlflow\/+gateway|jobs))(\/|$)/i;

function proxy(target: string, prefix: string, code: UpstreamError['code'], options: { keepHost: boolean; publicUrl?: string | undefined; authorization: string | undefined }): RequestHandler {
  return createProxyMiddleware<Request, Response>({
    target: target.replace(/\/$/, ''),
    // DICOMweb builds its BulkDataURIs from the Host header, behind a TLS proxy from Forwarded (RFC 7239); MLflow only answers to its own name
    changeOrigin: !options.keepHost,
    pathRewrite: path => prefix + path,
    headers: { ...(options.authorization && { authorization: options.authorization }) },
    proxyTimeout: 300_000,
    on: {
      proxyReq: outgoing => {
        // our session and tokens are nobody else's business
        outgoing.removeHeader('cookie');
        outgoing.removeHeader('forwarded');
        if (options.publicUrl) {
          const { host, protocol } = new URL(options.publicUrl);
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

function ohif(folder: string): RequestHandler[] {
  const files = express.static(folder, {
    index: false, redirect: false,
    setHeaders: (res, path) => (HASHED_FILE.test(path) ? res.set('Cache-Control', `private, max-age=${A_YEAR_MS / 1000}, immutable`) : revalidate(res)),
  });
  // OHIF's routes are made in the browser; a missing file stays missing
  const routes: RequestHandler = (req, res, next) => {
    const isPage = (req.method === 'GET' || req.method === 'HEAD') && !/\.[a-z0-9]+$/i.test(req.path) && (req.get('Accept') ?? '').includes('text/html');
    if (!isPage) return next();
    res.set('Cache-Control', 'no-cache').sendFile('index.html', { root: folder });
  };
  return [files, routes];
}

function revalidate(res: ServerResponse): void {
  res.setHeader('Cache-Control', 'no-cache');
}
