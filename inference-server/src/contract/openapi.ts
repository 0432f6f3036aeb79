import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject } from 'zod-openapi';
import { AuditPage, AuditQuery } from './audit.ts';
import { Me } from './callers.ts';
import { Health } from './health.ts';
import { ModelList } from './models.ts';
import { PriorRegistration, Priors } from './priors.ts';
import { ExportQuery } from './run-export.ts';
import { RunDetails, RunLog } from './run-details.ts';
import { CreateReview, CreateRun, ListRuns, Problem, Queue, ReviewHistory, Run, RunEvent, RunPage, UidText } from './runs.ts';
import { Daily, DailyQuery, DashboardUrl, Dimensions, Failures, FailuresQuery, StagesQuery, StageTrends, Summary, SummaryQuery, Trends, TrendsQuery } from './statistics.ts';
import { StudySeries } from './studies.ts';
import { Uncertainty } from './uncertainty.ts';
import { FindWork, WorkList } from './work-list.ts';

const json = (schema: z.ZodType) => ({ 'application/json': { schema } });
const problem = (description: string) => ({ description, content: { 'application/problem+json': { schema: Problem } } });
const answer = (description: string, schema: z.ZodType) => ({ description, content: json(schema) });
const UNAUTHENTICATED = { 401: problem('`UNAUTHENTICATED`') };
const READ_ERRORS = { 400: problem('`INVALID_REQUEST`'), ...UNAUTHENTICATED };
const WRITE_ERRORS = { 400: problem('`INVALID_REQUEST`, `MALFORMED_JSON`'), ...UNAUTHENTICATED, 403: problem('`FORBIDDEN`, `CROSS_SITE`') };
const RUN_ID = z.object({ id: z.string() });

const read = (summary: string, schema: z.ZodType, more: Partial<ZodOpenApiOperationObject> = {}): ZodOpenApiOperationObject =>
  ({ summary, ...more, responses: { 200: answer('', schema), ...READ_ERRORS, ...more.responses } });

/** OpenAPI 3.1 of the whole interface, from the schemas that the server itself checks with. */
export function openApi() {
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'CereBloom', version: '1.0.0',
      description: 'Brain-tumour segmentation of MR studies in Orthanc. Errors are RFC 9457 problems with a stable `code`. Not a medical device.',
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { session: [] }],
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'made by `npm run tokens`' },
        session: { type: 'apiKey', in: 'cookie', name: 'cerebloom-session', description: 'what a browser has after `/sign-in`' },
      },
    },
    paths: {
      '/api/v1/runs': {
        post: {
          tags: ['Runs'], summary: 'Segment a study', description: 'Roles radiologist, service, admin.',
          requestBody: { required: true, content: json(CreateRun) },
          responses: {
            202: { ...answer('queued', Run), headers: z.object({ Location: z.string() }) },
            200: answer('the same work is known: the run that stands for it', Run),
            ...WRITE_ERRORS,
            404: problem('`STUDY_NOT_FOUND`, `MODEL_NOT_FOUND`'),
            422: problem('`SERIES_MISSING`, `NOT_MR`, `SERIES_NOT_IN_STUDY`: the study can\'t be segmented; `runId` names the failed run'),
            502: problem('`ORTHANC_UNAVAILABLE`, `ORTHANC_REFUSED`'),
            503: { ...problem('`QUEUE_FULL`, `DATABASE_LOCKED`, `DATABASE_UNAVAILABLE`: ask again after `Retry-After` seconds'), headers: z.object({ 'Retry-After': z.string() }) },
          },
        },
        get: read('Runs, newest first', RunPage, { tags: ['Runs'], requestParams: { query: ListRuns } }),
      },
      '/api/v1/runs/export': {
        get: {
          tags: ['Runs'], summary: 'Runs that ended, pseudonymised, as a file', requestParams: { query: ExportQuery },
          responses: {
            200: { description: 'in the order of their end', content: { 'text/csv': { schema: z.string() }, 'application/x-ndjson': { schema: z.string() }, 'application/vnd.apache.parquet': { schema: z.string() } } },
            ...READ_ERRORS,
          },
        },
      },
      '/api/v1/runs/{id}': {
        get: read('One run', Run, { tags: ['Runs'], requestParams: { path: RUN_ID }, responses: { 404: problem('`RUN_NOT_FOUND`') } }),
      },
      '/api/v1/runs/{id}/events': {
        get: {
          tags: ['Runs'], summary: 'Follow a run', requestParams: { path: RUN_ID, header: z.object({ 'Last-Event-ID': z.string().optional() }) },
          description: 'Server-sent events until the final state. After a break the client goes on from `Last-Event-ID`.',
          responses: { 200: { description: '', content: { 'text/event-stream': { schema: RunEvent } } }, ...UNAUTHENTICATED, 404: problem('`RUN_NOT_FOUND`') },
        },
      },
      '/api/v1/runs/{id}/cancel': {
        post: {
          tags: ['Runs'], summary: 'Stop a run', requestParams: { path: RUN_ID },
          responses: {
            200: answer('cancelled', Run), 202: answer('its worker stops it within two seconds', Run),
            ...WRITE_ERRORS, 404: problem('`RUN_NOT_FOUND`'), 409: problem('`RUN_ENDED`, `RESULT_BEING_STORED`'),
          },
        },
      },
      '/api/v1/runs/{id}/review': {
        post: {
          tags: ['Runs'], summary: 'Accept, correct or reject a result, or take that back', requestParams: { path: RUN_ID },
          description: 'Roles radiologist, admin. `accepted` and `edited` store a VERIFIED report, `edited` with `slices` also a corrected SEG; the run\'s own results stay.',
          requestBody: { required: true, content: json(CreateReview) },
          responses: {
            200: answer('', Run), ...WRITE_ERRORS, 404: problem('`RUN_NOT_FOUND`, `RESULT_NOT_FOUND`'),
            409: problem('`RUN_NOT_COMPLETED`, `REVIEW_CONFLICT`, `NO_REVIEW`'), 413: problem('`BODY_TOO_LARGE`'), 422: problem('`CORRECTION_INVALID`'), 502: problem('`ORTHANC_UNAVAILABLE`, `ORTHANC_REFUSED`'),
          },
        },
      },
      '/api/v1/runs/{id}/details': {
        get: read('Inputs and provenance of a run', RunDetails, { tags: ['Runs'], requestParams: { path: RUN_ID }, responses: { 404: problem('`RUN_NOT_FOUND`') } }),
      },
      '/api/v1/runs/{id}/picture': {
        get: {
          tags: ['Runs'], summary: 'Picture of a result', description: 'Three planes through the largest tumour area.', requestParams: { path: RUN_ID },
          responses: {
            200: { description: '', content: { 'image/png': { schema: z.string().meta({ format: 'binary' }) } } }, ...UNAUTHENTICATED,
            404: problem('`RUN_NOT_FOUND`, `PICTURE_NOT_FOUND`'), 502: problem('`MLFLOW_UNAVAILABLE`'),
          },
        },
      },
      '/api/v1/runs/{id}/uncertainty': {
        get: read('Where the model is unsure of the outline', Uncertainty, {
          tags: ['Runs'], requestParams: { path: RUN_ID }, responses: { 404: problem('`RUN_NOT_FOUND`, `UNCERTAINTY_NOT_FOUND`'), 502: problem('`ORTHANC_UNAVAILABLE`') },
        }),
      },
      '/api/v1/runs/{id}/log': {
        get: read('Log lines of a run on this machine', RunLog, { tags: ['Runs'], requestParams: { path: RUN_ID }, responses: { 404: problem('`RUN_NOT_FOUND`') } }),
      },
      '/api/v1/queue': { get: read('What is computed and what waits', Queue, { tags: ['Runs'] }) },
      '/api/v1/work-list': {
        post: {
          tags: ['Studies'], summary: 'The archive\'s MR studies and how they stand',
          description: 'Changes nothing; what is searched for comes in the body because it may be a patient\'s name.',
          requestBody: { required: true, content: json(FindWork) },
          responses: { 200: answer('', WorkList), ...READ_ERRORS, 502: problem('`ORTHANC_UNAVAILABLE`, `ORTHANC_REFUSED`') },
        },
      },
      '/api/v1/me': { get: read('Who asks, and what they may do', Me, { tags: ['Operation'] }) },
      '/api/v1/runs/{id}/reviews': {
        get: read('Every decision on a result, oldest first', ReviewHistory, { tags: ['Runs'], requestParams: { path: RUN_ID }, responses: { 404: problem('`RUN_NOT_FOUND`') } }),
      },
      '/api/v1/studies/{uid}/series': {
        get: read('What each series was taken for, and why', StudySeries, {
          tags: ['Studies'], requestParams: { path: z.object({ uid: UidText }) },
          responses: { 404: problem('`STUDY_NOT_FOUND`'), 422: problem('`NOT_MR`'), 502: problem('`ORTHANC_UNAVAILABLE`') },
        }),
      },
      '/api/v1/studies/{uid}/priors': {
        get: read('Results on earlier studies of the same patient', Priors, {
          tags: ['Studies'], requestParams: { path: z.object({ uid: UidText }) }, responses: { 404: problem('`STUDY_NOT_FOUND`'), 502: problem('`ORTHANC_UNAVAILABLE`') },
        }),
      },
      '/api/v1/runs/{id}/registration/{prior}': {
        get: read('Where a point of a run\'s reference series lies in that of an earlier one', PriorRegistration, {
          tags: ['Runs'], description: 'Takes seconds the first time.', requestParams: { path: z.object({ id: z.string(), prior: z.string().describe('id of the earlier run') }) },
          responses: {
            404: problem('`RUN_NOT_FOUND`, `RESULT_NOT_FOUND`'), 409: problem('`RUN_NOT_COMPLETED`, `NOT_A_PRIOR`'), 422: problem('`ALIGNMENT_FAILED`'), 502: problem('`ORTHANC_UNAVAILABLE`'),
          },
        }),
      },
      '/api/v1/models': { get: read('Installed models', ModelList, { tags: ['Models'] }) },
      '/api/v1/mlops/statistics/daily': { get: read('Figures of one day', Daily, { tags: ['MLOps'], requestParams: { query: DailyQuery } }) },
      '/api/v1/mlops/statistics/trends': { get: read('Figures per day, and change against the days before', Trends, { tags: ['MLOps'], requestParams: { query: TrendsQuery } }) },
      '/api/v1/mlops/statistics/summary': { get: read('All time and recent, by model and trigger', Summary, { tags: ['MLOps'], requestParams: { query: SummaryQuery } }) },
      '/api/v1/mlops/statistics/stages': { get: read('Time per stage', StageTrends, { tags: ['MLOps'], requestParams: { query: StagesQuery } }) },
      '/api/v1/mlops/statistics/failures': { get: read('Failures by code, with the runs behind each', Failures, { tags: ['MLOps'], requestParams: { query: FailuresQuery } }) },
      '/api/v1/mlops/statistics/dimensions': { get: read('What the statistics can be asked by', Dimensions, { tags: ['MLOps'] }) },
      '/api/v1/mlops/dashboard-url': { get: read('Where MLflow shows the runs', DashboardUrl, { tags: ['MLOps'], responses: { 502: problem('`MLFLOW_UNAVAILABLE`, `MLFLOW_REFUSED`') } }) },
      '/api/v1/audit': { get: read('Who did what, newest first', AuditPage, { tags: ['Operation'], description: 'Role admin.', requestParams: { query: AuditQuery }, responses: { 403: problem('`FORBIDDEN`') } }) },
      '/health/live': { get: { tags: ['Operation'], summary: 'Whether the process runs', security: [], responses: { 200: answer('', z.object({ status: z.literal('alive') })) } } },
      '/health/ready': { get: { tags: ['Operation'], summary: 'Whether a run would succeed now', responses: { 200: answer('ready or degraded', Health), 503: answer('not ready', Health), ...UNAUTHENTICATED } } },
      '/metrics': { get: { tags: ['Operation'], summary: 'Prometheus metrics', responses: { 200: { description: '', content: { 'text/plain': { schema: z.string() } } }, ...UNAUTHENTICATED } } },
    },
  });
}
