import { z } from 'zod';

const Moment = z.iso.datetime({ offset: true }).or(z.iso.date());

export const AuditQuery = z.strictObject({
  actor: z.string().max(200).optional().describe('name of a token, a person at the identity provider, a rule, or `gateway`'),
  action: z.string().max(40).optional(),
  object: z.string().max(2_000).optional().describe('UID of a study, id of a run, or what else the action was about'),
  outcome: z.enum(['success', 'refused', 'failure']).optional(),
  from: Moment.optional().describe('included'),
  to: Moment.optional().describe('not included'),
  before: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional().describe('lines before this one: `next` of a page'),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});

export const AuditPage = z.object({
  lines: z.array(z.object({
    seq: z.int(), at: z.iso.datetime(), actor: z.string(), role: z.string().nullable(), address: z.string().nullable(), action: z.string(),
    object: z.string().nullable(), outcome: z.enum(['success', 'refused', 'failure']), detail: z.string().nullable(),
  })),
  next: z.int().nullable().describe('pass as `before`'),
}).meta({ id: 'AuditPage' });
export type AuditPage = z.infer<typeof AuditPage>;
