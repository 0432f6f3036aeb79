import type { PriorRegistration } from '../../inference-server/src/contract/priors.ts';
import type { Camera, OhifHost } from '../ohif.d.ts';

type Rigid = Pick<PriorRegistration, 'rotation' | 'translationMm'>;
type Point = readonly [number, number, number];

/** Type of sync group; OHIF looks it up in lower case. */
export const LINKED_PRIOR = 'cerebloomprior';
export const PRESENT_VIEWPORT = 'cerebloom-present';
export const PRIOR_VIEWPORT = 'cerebloom-prior';
const CAMERA_CHANGED = 'CORNERSTONE_CAMERA_MODIFIED';

interface ViewportRef { readonly viewportId: string }
interface CornerstoneTools {
  readonly SynchronizerManager: {
    createSynchronizer(id: string, event: string, onChange: (synchronizer: unknown, source: ViewportRef, target: ViewportRef) => void): unknown;
  };
}

const times = (rows: Rigid['rotation'], [x, y, z]: Point): Point => rows.map(row => row[0] * x + row[1] * y + row[2] * z) as unknown as Point;

/** The way back: `rotationᵀ · (point − translation)`. */
export function inverse({ rotation: [x, y, z], translationMm: t }: Rigid): Rigid {
  const rotation: Rigid['rotation'] = [[x[0], y[0], z[0]], [x[1], y[1], z[1]], [x[2], y[2], z[2]]];
  return { rotation, translationMm: times(rotation, [-t[0], -t[1], -t[2]]) as Rigid['translationMm'] };
}

/** The camera that shows in the other head what this one shows here: same plane, same middle, same size. */
export function movedCamera({ position, focalPoint, viewUp, viewPlaneNormal, parallelScale }: Camera, { rotation, translationMm: t }: Rigid): Camera {
  const point = (p: Point): Point => {
    const [x, y, z] = times(rotation, p);
    return [x + t[0], y + t[1], z + t[2]];
  };
  return { position: point(position), focalPoint: point(focalPoint), viewUp: times(rotation, viewUp), viewPlaneNormal: times(rotation, viewPlaneNormal), parallelScale };
}

/**
 * Links the present study's viewport and the prior's: whatever plane one shows, the other is reformatted to. No image is changed or stored.
 * @param registration from points of the present to those of the prior; null while it is not known.
 */
export function offerPriorLink(host: OhifHost, registration: () => Rigid | null): void {
  host.servicesManager.services.syncGroupService.addSynchronizerType(LINKED_PRIOR, id =>
    (globalThis as unknown as { cornerstoneTools: CornerstoneTools }).cornerstoneTools.SynchronizerManager.createSynchronizer(id, CAMERA_CHANGED, (_, source, target) => {
      const toPrior = registration();
      if (toPrior) follow(host, source.viewportId, target.viewportId, source.viewportId === PRESENT_VIEWPORT ? toPrior : inverse(toPrior));
    }));
}

/** Brings one viewport to what another shows. */
export function follow({ servicesManager: { services } }: OhifHost, sourceId: string, targetId: string, transform: Rigid): void {
  const source = services.cornerstoneViewportService.getCornerstoneViewport(sourceId);
  const target = services.cornerstoneViewportService.getCornerstoneViewport(targetId);
  const camera = source?.getCamera?.();
  if (!camera || !target?.setCamera) return;
  target.setCamera(movedCamera(camera, transform));
  target.render?.();
}
