import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { seriesAttributes } from '../dicom/series-attributes.ts';
import { GeometryError, PatientsMixedError, StudyNotFoundError, UpstreamError } from '../domain/errors.ts';
import type { Vec3 } from '../domain/geometry.ts';
import type { DicomFile } from '../domain/run.ts';
import type { Instance, Series, Study } from '../domain/study.ts';
import { isUid, parseUid, type FrameOfReferenceUid, type InstanceUid, type SeriesUid, type StudyUid } from '../domain/uid.ts';
import type { ResultRemover, ResultStore, StudySource } from '../flow/ports.ts';
import { multipartRelated } from './multipart.ts';

export interface OrthancOptions {
  readonly url: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** How long an Orthanc that does not answer is asked again before the call fails. */
  readonly patienceMs: number;
}

/** What of a study's and its patient's attributes leaves the client; never kept, logged or shown. */
export interface StudyHeader {
  readonly orthancId: string;
  readonly studyUid: StudyUid;
  readonly patientId: string;
  readonly responsiblePhysician: string | null;
  /** Name of the institution. */
  readonly site: string | null;
  /** Orthanc has seen no new instance of it for its `StableAge`. */
  readonly stable: boolean;
}

/** What a list of studies shows; for signed-in readers, never kept or logged. */
export interface ListedStudy {
  readonly studyUid: StudyUid;
  /** PN (PS3.5 §6.2): family^given^middle^prefix^suffix. */
  readonly patientName: string;
  readonly patientId: string;
  /** `YYYYMMDD` or empty, as DICOM has it. */
  readonly studyDate: string;
  readonly studyTime: string;
  readonly description: string;
  readonly accessionNumber: string;
  /** Orthanc has seen no new instance of it for its `StableAge`. */
  readonly stable: boolean;
}

/** A study among others of its patient, with what tells two people with one ID apart; never kept or logged. */
export interface PatientStudy {
  readonly studyUid: StudyUid;
  /** `YYYYMMDD` or empty, as DICOM has it. */
  readonly studyDate: string;
  readonly studyTime: string;
  readonly description: string;
  readonly birthDate: string;
  readonly sex: string;
  readonly issuerOfPatientId: string;
}

export interface Change {
  readonly seq: number;
  readonly type: string;
  readonly resource: string;
  readonly id: string;
  /** By which the same change is known again; begins with `seq`. */
  readonly mark: string;
}

interface ChangeAnswer { Seq: number; ChangeType: string; ResourceType: string; ID: string; Date: string }
type Tags = Record<string, unknown>;
interface Resource { ID: string; MainDicomTags: Record<string, string>; PatientMainDicomTags?: Record<string, string>; IsStable?: boolean; Series?: string[]; Instances?: string[]; ParentStudy?: string; ParentPatient?: string }

/** More gain nothing: 192 files of 230 kB took 0.86 s over one connection, 0.28 s over eight, 0.26 s over sixteen (WADO-RS 0.43 s, the archive 3.4 s). */
const CONNECTIONS = 8;
/** Number of our attachments of instances; Orthanc leaves those from 1024 on to its users. */
const ATTACHMENT = 1024;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/** Orthanc's REST and DICOMweb interfaces, as far as CereBloom needs them. */
export class OrthancClient implements StudySource, ResultStore, ResultRemover {
  readonly #pool: Pool;
  readonly #options: OrthancOptions;
  readonly #headers: Record<string, string>;
  readonly #prefix: string;

  constructor(options: OrthancOptions) {
    const { origin, pathname } = new URL(options.url);
    this.#options = options;
    this.#prefix = pathname.replace(/\/$/, '');
    this.#pool = new Pool(origin, { connections: CONNECTIONS, headersTimeout: 60_000, bodyTimeout: 60_000, connect: { timeout: 5_000 } });
    this.#headers = options.user === undefined ? {} : { authorization: basicAuthorization(options.user, options.password ?? '') };
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  /** One request without patience: is it there now? @throws UpstreamError */
  async ping(): Promise<void> {
    await this.#once('GET', '/system', { signal: AbortSignal.timeout(3_000) });
  }

  async findStudy(uid: StudyUid): Promise<Study> {
    const ids = await this.#lookup(uid, 'Study');
    // Orthanc tells studies apart by their patient, too
    if (ids.length > 1) throw new PatientsMixedError();
    const resources = await this.#seriesOfStudy(ids);
    const series = await Promise.all(resources.map(resource => this.#readSeries(resource, uid)));
    return { uid, series: series.sort((a, b) => (a.attributes.seriesNumber ?? 0) - (b.attributes.seriesNumber ?? 0) || a.uid.localeCompare(b.uid)) };
  }

  async studyHeader(uid: StudyUid): Promise<StudyHeader & { readonly scanner: string | null }> {
    const [orthancId] = await this.#lookup(uid, 'Study');
    const [header, series] = await Promise.all([this.studyHeaderById(orthancId!), this.#seriesOfStudy([orthancId!])]);
    const tags = series.find(({ MainDicomTags }) => MainDicomTags.Modality === 'MR')?.MainDicomTags;
    return { ...header, scanner: shortText(tags?.StationName) ?? shortText(tags?.Manufacturer) };
  }

  /** @throws StudyNotFoundError when it was deleted meanwhile. */
  async studyHeaderById(orthancId: string): Promise<StudyHeader> {
    const study = await this.#get<Resource>(`/studies/${orthancId}`);
    if (!study) throw new StudyNotFoundError();
    const tags = study.MainDicomTags;
    return {
      orthancId,
      studyUid: parseUid('study', tags.StudyInstanceUID ?? ''),
      patientId: study.PatientMainDicomTags?.PatientID ?? '',
      responsiblePhysician: tags.RequestingPhysician || tags.ReferringPhysicianName || null,
      site: shortText(tags.InstitutionName),
      stable: study.IsStable === true,
    };
  }

  /** All attributes of one instance of the study by keyword, for the conditions of routing rules; MR images before others. */
  async representativeTags(orthancStudyId: string): Promise<Record<string, string>> {
    const resources = await this.#seriesOfStudy([orthancStudyId]);
    const chosen = resources.find(series => series.MainDicomTags.Modality === 'MR') ?? resources[0];
    const instance = chosen?.Instances?.[0];
    if (!instance) throw new StudyNotFoundError();
    const tags = await this.#get<Tags>(`/instances/${instance}/simplified-tags`) ?? {};
    return Object.fromEntries(Object.entries(tags).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  }

  async fetchSeries(series: Series, onFile?: () => void, signal?: AbortSignal): Promise<Uint8Array[]> {
    const ids = await this.#instanceIds(series.uid);
    const files: Uint8Array[] = new Array(series.instances.length);
    let next = 0;
    const take = async () => {
      while (next < files.length) {
        signal?.throwIfAborted();
        const index = next++;
        const id = ids.get(series.instances[index]!.uid);
        const body = id && await this.#request('GET', `/instances/${id}/file`, signal ? { signal } : {});
        if (!body) throw await this.hasStudy(series.studyUid) ? new GeometryError('SLICES_MISSING', 'Images of a series were deleted from Orthanc meanwhile') : new StudyNotFoundError();
        files[index] = body;
        onFile?.();
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONNECTIONS, files.length) }, take));
    return files;
  }

  /** STOW-RS (PS3.18 §10.5), one request: all of a result is stored or the call fails. */
  async store(files: readonly DicomFile[]): Promise<void> {
    const { contentType, body } = multipartRelated('application/dicom', files.map(file => file.bytes));
    const answer = await this.#request('POST', '/dicom-web/studies', {
      body, headers: { 'content-type': contentType, accept: 'application/dicom+json' },
    });
    const stored = parsed<Record<string, { Value?: unknown[] }>>(answer, {});
    const failed = stored['00081198']?.Value?.length ?? 0;
    const referenced = stored['00081199']?.Value?.length ?? 0;
    if (failed > 0 || referenced < files.length) {
      throw new UpstreamError('ORTHANC_REFUSED', `Orthanc stored ${referenced} of ${files.length} result files`);
    }
    for (const { sopInstanceUid, attachment } of files) if (attachment) await this.#attach(sopInstanceUid, attachment);
  }

  /** What is kept beside an instance; undefined where there is none. */
  async attachment(instance: InstanceUid): Promise<Uint8Array | undefined> {
    const [id] = await this.#find(instance, 'Instance');
    return id === undefined ? undefined : this.#request('GET', `/instances/${id}/attachments/${ATTACHMENT}/data`);
  }

  async #attach(instance: InstanceUid, body: Uint8Array): Promise<void> {
    const [id] = await this.#find(instance, 'Instance');
    if (id === undefined) throw new UpstreamError('ORTHANC_REFUSED', 'An image of the result is no longer in Orthanc');
    await this.#request('PUT', `/instances/${id}/attachments/${ATTACHMENT}`, { body }, 'Orthanc did not take what belongs to a result');
  }

  async remove(instance: InstanceUid): Promise<void> {
    for (const id of await this.#find(instance, 'Instance')) await this.#request('DELETE', `/instances/${id}`);
  }

  /** Changes after `since`, oldest first. */
  async changes(since: number, limit: number): Promise<{ changes: Change[]; last: number; done: boolean }> {
    const page = await this.#get<{ Changes: ChangeAnswer[]; Last: number; Done: boolean }>(
      `/changes?since=${since}&limit=${limit}`);
    return {
      changes: page!.Changes.map(toChange),
      last: page!.Last,
      done: page!.Done,
    };
  }

  /** The newest change; undefined for an Orthanc that never had any. */
  async lastChange(): Promise<Change | undefined> {
    return (await this.#get<{ Changes: ChangeAnswer[] }>('/changes?last'))!.Changes.map(toChange)[0];
  }

  /** Orthanc id of a study that an instance or series of the feed belongs to; undefined when it is gone. */
  async studyOf(resource: 'Instance' | 'Series', id: string): Promise<string | undefined> {
    return (await this.#get<Resource>(`/${resource === 'Instance' ? 'instances' : 'series'}/${id}/study`))?.ID;
  }

  /** Every study that is stored. */
  async studyIds(): Promise<string[]> {
    return (await this.#get<string[]>('/studies'))!;
  }

  /** Orthanc ids of the studies that have MR images. */
  async mrStudyIds(): Promise<string[]> {
    const body = await this.#request('POST', '/tools/find', { body: JSON.stringify({ Level: 'Study', Query: { ModalitiesInStudy: 'MR' } }) });
    return parsed<string[]>(body, []);
  }

  /** undefined when it was deleted meanwhile, or has no valid UID, by which nothing can be asked of it. */
  async listedStudy(orthancId: string): Promise<ListedStudy | undefined> {
    const study = await this.#get<Resource>(`/studies/${orthancId}`);
    if (!study || !hasValidUid(study)) return undefined;
    const { MainDicomTags: tags, PatientMainDicomTags: patient = {} } = study;
    return {
      studyUid: parseUid('study', tags.StudyInstanceUID ?? ''),
      patientName: patient.PatientName ?? '', patientId: patient.PatientID ?? '',
      studyDate: tags.StudyDate ?? '', studyTime: tags.StudyTime ?? '',
      description: tags.StudyDescription ?? '', accessionNumber: tags.AccessionNumber ?? '',
      stable: study.IsStable === true,
    };
  }

  /** The other studies under a study's patient ID; none for a study without one. @throws StudyNotFoundError */
  async studiesOfPatient(uid: StudyUid): Promise<{ study: PatientStudy; others: PatientStudy[] }> {
    const [orthancId] = await this.#lookup(uid, 'Study');
    const study = await this.#get<Resource>(`/studies/${orthancId}`);
    if (!study) throw new StudyNotFoundError();
    const ofPatient = study.PatientMainDicomTags?.PatientID ? await this.#get<Resource[]>(`/patients/${study.ParentPatient}/studies`) ?? [] : [];
    const others = await Promise.all(ofPatient.filter(other => other.ID !== study.ID && hasValidUid(other)).map(resource => this.#patientStudy(resource)));
    return { study: await this.#patientStudy(study), others };
  }

  /** Orthanc keeps a patient's attributes once, as the first instance had them; each study's own are in its instances. */
  async #patientStudy({ ID, MainDicomTags: tags }: Resource): Promise<PatientStudy> {
    const own = await this.representativeTags(ID);
    return {
      studyUid: parseUid('study', tags.StudyInstanceUID ?? ''), studyDate: tags.StudyDate ?? '', studyTime: tags.StudyTime ?? '', description: tags.StudyDescription ?? '',
      birthDate: own.PatientBirthDate ?? '', sex: own.PatientSex ?? '', issuerOfPatientId: own.IssuerOfPatientID ?? '',
    };
  }

  /** Whether images of the series are there. */
  async hasSeries(uid: SeriesUid): Promise<boolean> {
    return (await this.#find(uid, 'Series')).length > 0;
  }

  /** When an image came here, ms since 1970; undefined where that is not known. */
  async receivedAt(instance: InstanceUid): Promise<number | undefined> {
    const [id] = await this.#find(instance, 'Instance');
    const text = id === undefined ? undefined : await this.#request('GET', `/instances/${id}/metadata/ReceptionDate`);
    // `20260301T101500`, UTC
    const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)/.exec(Buffer.from(text ?? []).toString()) ?? [];
    const [year, month, day, hour, minute, second] = parts.map(Number);
    return year === undefined ? undefined : Date.UTC(year, month! - 1, day, hour, minute, second);
  }

  /** Whether the study is there. */
  async hasStudy(uid: StudyUid): Promise<boolean> {
    return this.#lookup(uid, 'Study').then(() => true, (error: unknown) => {
      if (error instanceof StudyNotFoundError) return false;
      throw error;
    });
  }

  /** Whether a modality that Orthanc knows by name answers a C-ECHO. */
  async reaches(modality: string): Promise<boolean> {
    return this.#request('POST', `/modalities/${encodeURIComponent(modality)}/echo`, { body: '{}' }, `The destination ${modality} does not answer`)
      .then(() => true, () => false);
  }

  /**
   * C-STORE of whole series to a modality that Orthanc knows by name.
   * @throws UpstreamError when the modality is unknown or does not take them.
   */
  async sendSeries(modality: string, seriesUids: readonly SeriesUid[]): Promise<void> {
    const resources = (await Promise.all(seriesUids.map(uid => this.#lookup(uid, 'Series')))).flat();
    await this.#request('POST', `/modalities/${encodeURIComponent(modality)}/store`, {
      body: JSON.stringify({ Resources: resources, Synchronous: true }), headers: { 'content-type': 'application/json' },
    }, `The destination ${modality} did not take the results`);
  }

  async #lookup(uid: string, type: 'Study' | 'Series'): Promise<string[]> {
    const ids = await this.#find(uid, type);
    if (!ids.length) throw new StudyNotFoundError();
    return ids;
  }

  async #find(uid: string, type: 'Study' | 'Series' | 'Instance'): Promise<string[]> {
    const found = parsed<{ Type: string; ID: string }[]>(await this.#request('POST', '/tools/lookup', { body: uid }), []);
    return found.filter(entry => entry.Type === type).map(entry => entry.ID);
  }

  async #seriesOfStudy(orthancIds: readonly string[]): Promise<Resource[]> {
    const lists = await Promise.all(orthancIds.map(id => this.#get<Resource[]>(`/studies/${id}/series`)));
    return lists.flatMap(list => list ?? []);
  }

  async #readSeries(resource: Resource, studyUid: StudyUid): Promise<Series> {
    const expanded = await this.#get<Resource[]>(`/series/${resource.ID}/instances`) ?? [];
    const listed = expanded.map(({ ID, MainDicomTags: tags }) => ({
      id: ID,
      uid: tags.SOPInstanceUID as InstanceUid,
      positionMm: toVec3(tags.ImagePositionPatient),
      instanceNumber: tags.InstanceNumber ? Number.parseInt(tags.InstanceNumber, 10) : null,
    })).sort((a, b) => (a.instanceNumber ?? 0) - (b.instanceNumber ?? 0) || a.uid.localeCompare(b.uid));
    const isMr = resource.MainDicomTags.Modality === 'MR';
    const header = isMr && listed[0] ? await this.#get<Tags>(`/instances/${listed[0].id}/simplified-tags`) ?? {} : resource.MainDicomTags;
    const attributes = seriesAttributes(keyword => findText(header, keyword));
    return {
      uid: resource.MainDicomTags.SeriesInstanceUID as SeriesUid,
      studyUid,
      frameOfReferenceUid: (findText(header, 'FrameOfReferenceUID') ?? null) as FrameOfReferenceUid | null,
      attributes,
      instances: listed.map(({ uid, positionMm, instanceNumber }): Instance => ({ uid, positionMm, instanceNumber, sopClassUid: attributes.sopClassUid })),
    };
  }

  async #instanceIds(seriesUid: SeriesUid): Promise<Map<InstanceUid, string>> {
    const series = await this.#find(seriesUid, 'Series');
    const lists = await Promise.all(series.map(id => this.#get<Resource[]>(`/series/${id}/instances`)));
    return new Map(lists.flatMap(list => list ?? []).map(instance => [instance.MainDicomTags.SOPInstanceUID as InstanceUid, instance.ID]));
  }

  async #get<T>(path: string): Promise<T | undefined> {
    const body = await this.#request('GET', path);
    return body && parsed<T>(body, undefined);
  }

  /**
   * Asks again, with growing pauses, while Orthanc is not there. Every request of this client may be repeated:
   * reading changes nothing, and storing the same instance again overwrites it.
   * @returns undefined for 404.
   */
  async #request(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, options: RequestOptions = {}, refusal?: string): Promise<Uint8Array | undefined> {
    const giveUpAt = performance.now() + this.#options.patienceMs;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      try {
        return await this.#once(method, path, options, refusal);
      } catch (error) {
        const temporary = error instanceof UpstreamError && error.code === 'ORTHANC_UNAVAILABLE';
        if (!temporary || options.signal?.aborted || performance.now() + pauseMs > giveUpAt) throw error;
        await delay(pauseMs, undefined, options.signal ? { signal: options.signal } : {});
      }
    }
  }

  async #once(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, options: RequestOptions, refusal?: string): Promise<Uint8Array | undefined> {
    let answer: { status: number; body: Uint8Array };
    try {
      const { statusCode, body } = await this.#pool.request({
        method, path: this.#prefix + path, body: options.body ?? null, headers: { ...this.#headers, ...options.headers }, signal: options.signal ?? null,
      });
      answer = { status: statusCode, body: new Uint8Array(await body.arrayBuffer()) };
    } catch (cause) {
      options.signal?.throwIfAborted();
      throw new UpstreamError('ORTHANC_UNAVAILABLE', 'Orthanc does not answer', cause);
    }
    if (answer.status < 300) return answer.body;
    if (answer.status === 404 && !refusal) return undefined;
    if (answer.status === 401 || answer.status === 403) {
      throw new UpstreamError('ORTHANC_REFUSED', 'Orthanc does not accept our user and password (ORTHANC_USER, ORTHANC_PASSWORD)');
    }
    if (answer.status === 502 || answer.status === 503 || answer.status === 504) throw new UpstreamError('ORTHANC_UNAVAILABLE', `Orthanc answered ${answer.status}`);
    throw new UpstreamError('ORTHANC_REFUSED', refusal ?? `Orthanc answered ${answer.status} to ${method} ${path.replace(/[?].*/, '')}`);
  }
}

interface RequestOptions {
  readonly body?: string | Uint8Array;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** An error of `JSON.parse` would carry a piece of the text, with names of patients, into the log. */
function parsed<T>(body: Uint8Array | undefined, whereEmpty: T | undefined): T {
  const text = Buffer.from(body ?? []).toString();
  if (text === '' && whereEmpty !== undefined) return whereEmpty;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new UpstreamError('ORTHANC_REFUSED', 'Orthanc\'s answer is not JSON');
  }
}

const hasValidUid = ({ MainDicomTags: tags }: Resource): boolean => isUid(tags.StudyInstanceUID ?? '');

const toChange = ({ Seq, ChangeType, ResourceType, ID, Date }: ChangeAnswer): Change =>
  ({ seq: Seq, type: ChangeType, resource: ResourceType, id: ID, mark: `${Seq} ${ChangeType} ${ID} ${Date}` });

export const basicAuthorization = (user: string, password: string): string => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** What a scanner or an institution calls itself, at most as long as DICOM's LO allows; null where it says nothing. */
const shortText = (text: string | undefined): string | null => text?.trim().slice(0, 64) || null;

function toVec3(text: string | undefined): Vec3 | null {
  const numbers = text?.split('\\').map(Number) ?? [];
  return numbers.length === 3 && numbers.every(Number.isFinite) ? [numbers[0]!, numbers[1]!, numbers[2]!] : null;
}

/** Enhanced multi-frame objects keep most attributes in functional groups (PS3.3 C.7.6.16): shared ones first, then the first frame's. */
function findText(tags: Tags, keyword: string): string | undefined {
  const direct = tags[keyword];
  if (typeof direct === 'string') return direct;
  for (const groups of ['SharedFunctionalGroupsSequence', 'PerFrameFunctionalGroupsSequence']) {
    const first = Array.isArray(tags[groups]) ? tags[groups][0] as Tags : undefined;
    const found = first && findNested(first, keyword, DEEPEST_MACRO);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A functional group holds macros, some of which have a sequence of their own. */
const DEEPEST_MACRO = 3;

function findNested(tags: Tags, keyword: string, levels: number): string | undefined {
  const direct = tags[keyword];
  if (typeof direct === 'string') return direct;
  if (levels === 0) return undefined;
  for (const value of Object.values(tags)) {
    const found = Array.isArray(value) && value[0] && typeof value[0] === 'object' ? findNested(value[0] as Tags, keyword, levels - 1) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
