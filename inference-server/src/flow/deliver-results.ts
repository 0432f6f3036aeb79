import { setTimeout as delay } from 'node:timers/promises';
import type { Delivery, DeliveryRepository } from '../adapters/delivery-repository.ts';
import type { Logger } from '../adapters/logger.ts';
import { StudyNotFoundError } from '../domain/errors.ts';
import type { SeriesUid } from '../domain/uid.ts';

export interface DeliveryDeps {
  readonly deliveries: DeliveryRepository;
  readonly orthanc: {
    sendSeries(modality: string, seriesUids: readonly SeriesUid[]): Promise<void>;
    /** C-ECHO. */
    reaches(modality: string): Promise<boolean>;
  };
  readonly log: Pick<Logger, 'info' | 'error'>;
  readonly now: () => number;
}

const IDLE_MS = 1_000;
/** Longer than Orthanc takes to send one result; a killed gateway's delivery waits as long. */
const LEASE_MS = 90_000;
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 5 * 60_000;

/** Sends results to the destinations of their routing rules; a destination that is down gets them later, in order. */
export async function deliverResults(deps: DeliveryDeps, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    const sent = await deliverNext(deps).catch((error: unknown) => {
      deps.log.error({ err: error }, 'deliveries can\'t be read');
      return false;
    });
    if (!sent) await delay(IDLE_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}

/** @returns whether there was one to deliver. */
async function deliverNext(deps: DeliveryDeps): Promise<boolean> {
  const { deliveries, orthanc, log, now } = deps;
  const delivery = await deliveries.claim(LEASE_MS, now());
  if (!delivery) return false;
  const { runId, destination, seriesUids } = delivery;
  try {
    await orthanc.sendSeries(destination, seriesUids);
    await deliveries.delivered(delivery, now());
    log.info({ runId, destination }, 'result delivered');
  } catch (error) {
    await putOff(deps, delivery, error as Error);
  }
  return true;
}

async function putOff({ deliveries, orthanc, log, now }: DeliveryDeps, delivery: Delivery, error: Error): Promise<void> {
  const { runId, destination, attempts } = delivery;
  if (error instanceof StudyNotFoundError) {
    log.error({ runId, destination }, 'a result was deleted before it could be delivered');
    return deliveries.forget(delivery);
  }
  const refused = await orthanc.reaches(destination);
  log.error({ runId, destination, attempts: attempts + 1, refused, err: error }, 'a result can\'t be delivered yet');
  await deliveries.postpone(delivery, error.message, now() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempts), refused);
}
