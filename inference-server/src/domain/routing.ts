import { z } from 'zod';
import { SEQUENCES } from './study.ts';

const Text = z.string().min(1);
/** `*` stands for anything; upper and lower case are the same. */
const Pattern = z.union([Text, z.array(Text).min(1)]);
const Condition = z.union([Pattern, z.strictObject({ not: Pattern }).describe('also fulfilled where the attribute is absent')]);

/** DICOM keywords (PS3.6) that a rule may look at: what was done where with what, not who the patient is. A misspelt one stops the start. */
const KEYWORDS = [
  'Modality', 'BodyPartExamined', 'StudyDescription', 'SeriesDescription', 'ProtocolName', 'RequestedProcedureDescription', 'ReasonForTheRequestedProcedure',
  'AccessionNumber', 'StationName', 'InstitutionName', 'InstitutionalDepartmentName', 'Manufacturer', 'ManufacturerModelName', 'DeviceSerialNumber',
  'SoftwareVersions', 'MagneticFieldStrength', 'ContrastBolusAgent', 'ReferringPhysicianName', 'RequestingPhysician', 'PerformingPhysicianName',
  'PatientSex', 'PatientAge', 'PatientIdentityRemoved', 'ClinicalTrialProtocolID', 'ClinicalTrialSiteID',
] as const;

const Rule = z.strictObject({
  name: Text,
  when: z.partialRecord(z.enum(KEYWORDS), Condition)
    .describe('conditions on attributes of one of the study\'s images, an MR image where there is one; all must hold; none holds always'),
  action: z.enum(['segment', 'skip']),
  reason: Text.optional().describe('of a skip; kept in its record'),
  model: Text.optional().describe('the default model where absent'),
  requires: z.array(z.enum(SEQUENCES)).default([]).describe('sequences without which the study is skipped, besides those the model itself requires'),
  priority: z.int().min(0).max(9).default(3),
  destination: Text.optional().describe('name of an Orthanc modality (DicomModalities) that gets SEG and SR by C-STORE'),
}).refine(rule => rule.action === 'segment' || rule.reason !== undefined, 'a rule that skips needs a reason');
export type RoutingRule = z.infer<typeof Rule>;

/** `orthanc-config/routing.json`: which arriving studies are segmented; the first rule that holds decides. */
export const Routing = z.strictObject({
  $schema: z.string().optional(),
  existingStudies: z.enum(['ignore', 'route']).default('ignore').describe('what to do, at the very first start, with studies that Orthanc already has'),
  rules: z.array(Rule).min(1),
});
export type Routing = z.infer<typeof Routing>;

type Tags = Readonly<Record<string, string>>;

/** @param tags values by keyword, several ones joined by a backslash. @returns undefined where no rule holds. */
export const firstRule = ({ rules }: Routing, tags: Tags): RoutingRule | undefined =>
  rules.find(rule => explainRule(rule, tags).every(condition => condition.holds));

export interface ExplainedCondition {
  readonly keyword: string;
  readonly condition: z.infer<typeof Condition>;
  /** What the image says; undefined where it does not. */
  readonly value: string | undefined;
  readonly holds: boolean;
}

/** Every condition of a rule beside what the image says. */
export const explainRule = ({ when }: RoutingRule, tags: Tags): ExplainedCondition[] =>
  Object.entries(when).flatMap(([keyword, condition]) =>
    (condition === undefined ? [] : [{ keyword, condition, value: tags[keyword], holds: holds(condition, tags[keyword]) }]));

function holds(condition: z.infer<typeof Condition>, value: string | undefined): boolean {
  if (typeof condition === 'object' && 'not' in condition) return !holds(condition.not, value);
  const values = (value ?? '').split('\\').map(part => part.trim()).filter(Boolean);
  const patterns = typeof condition === 'string' ? [condition] : condition;
  return patterns.some(pattern => values.some(part => toExpression(pattern).test(part)));
}

const toExpression = (pattern: string): RegExp =>
  new RegExp(`^${pattern.split('*').map(part => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 'is');
