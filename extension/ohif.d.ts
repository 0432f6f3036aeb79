/** The part of OHIF 3.13.2 that the extension and the mode use; its packages ship no type declarations. */

export interface Subscription {
  unsubscribe(): void;
}

export interface DisplaySet {
  readonly displaySetInstanceUID: string;
  readonly SeriesInstanceUID: string;
  readonly StudyInstanceUID: string;
  readonly Modality: string;
  FrameOfReferenceUID?: string | undefined;
  isReconstructable?: boolean | undefined;
  /** Of what lies on images, such as a segmentation. */
  readonly isOverlayDisplaySet?: boolean;
  readonly SeriesDescription?: string;
  /** Of a segmentation: the images that it lies on. */
  referencedDisplaySetInstanceUID?: string;
  readonly instance?: { readonly ReferencedSeriesSequence?: object };
  readonly imageIds?: readonly string[];
  readonly instances?: readonly { readonly FrameOfReferenceUID?: string }[];
  /** Of a segmentation: reads its labels. */
  load?(options: { readonly headers: object | undefined }): Promise<void>;
}

export interface Viewport {
  readonly viewportId: string;
  readonly displaySetInstanceUIDs: readonly string[];
}

export interface ToastOptions {
  readonly id: string;
  readonly title: string;
  readonly message: string;
  readonly type: 'info' | 'success' | 'warning' | 'error' | 'loading';
  /** Milliseconds. */
  readonly duration?: number;
  readonly autoClose?: boolean;
  readonly action?: { readonly label: string; readonly onClick: () => void };
}

/** What a viewport looks at, in patient space (LPS, mm). */
export interface Camera {
  readonly position: readonly [number, number, number];
  readonly focalPoint: readonly [number, number, number];
  readonly viewUp: readonly [number, number, number];
  readonly viewPlaneNormal: readonly [number, number, number];
  /** Half the height of what is shown, mm. */
  readonly parallelScale: number;
}

export interface CornerstoneViewport {
  readonly id: string;
  readonly type: string;
  readonly element: Element;
  /** What is drawn: the images, and overlays, which have a representation's id. */
  getActors(): readonly { readonly representationUID?: string }[];
  /** Answers nothing before the viewport has pixels. */
  getImageData?(): unknown;
  getVolumeId?(): string | undefined;
  /** Nothing before the viewport has a volume. */
  getProperties?(): { readonly voiRange?: { readonly lower: number; readonly upper: number } } | undefined;
  setProperties?(properties: { readonly voiRange: { readonly lower: number; readonly upper: number } }): void;
  getCamera?(): Camera;
  setCamera?(camera: Camera): void;
  /** @param point in patient space, LPS mm. */
  jumpToWorld?(point: readonly number[]): void;
  render?(): void;
}

/** As cornerstone names them; alpha values 0…1. */
export interface SegmentationStyle {
  readonly fillAlpha: number;
  readonly renderFill: boolean;
  readonly renderOutline: boolean;
}

export interface SegmentationRepresentation {
  /** Whether it is the one of its viewport that tools edit; the others are drawn in another style. */
  readonly active: boolean;
  readonly segments: Readonly<Record<number, { readonly visible: boolean; readonly color?: readonly number[] }>>;
}

export interface LabelmapLayer {
  readonly imageIds: readonly string[];
  /** Of the volume that viewports of volumes draw and edit. */
  readonly volumeId?: string;
  readonly geometryVolumeId?: string;
  readonly labelToSegmentIndex?: Readonly<Record<number, number>>;
}

/** What OHIF keeps of a label map: derived images in layers; of one that nobody edits, maybe the images alone. */
export interface Labelmap {
  readonly imageIds: readonly string[];
  readonly labelmaps: Readonly<Record<string, LabelmapLayer>> | undefined;
}

/** An image of labels in cornerstone's cache. */
export interface LabelledImage {
  readonly referencedImageId: string;
  readonly columns: number;
  readonly voxelManager: { getScalarData(): Uint8Array<ArrayBuffer> };
}

/** A volume in cornerstone's cache; indices are [column, row, slice]. */
export interface CachedVolume {
  readonly dimensions: readonly [number, number, number];
  readonly imageData: {
    indexToWorld(index: readonly [number, number, number]): ArrayLike<number>;
    worldToIndex(point: readonly [number, number, number]): ArrayLike<number>;
  };
  readonly voxelManager: { getAtIJK(i: number, j: number, k: number): number };
  /** Of a label map: the images by whose grey values tools judge; those that it was made for where absent. */
  referencedVolumeId?: string | undefined;
}

declare global {
  interface Window {
    /** OHIF puts its cornerstone here. */
    readonly cornerstone?: {
      readonly cache: {
        getImage(imageId: string): LabelledImage | undefined;
        getVolume(volumeId: string): CachedVolume | undefined;
        putVolumeSync(volumeId: string, volume: object): void;
        removeVolumeLoadObject(volumeId: string): void;
      };
      readonly metaData: { get(type: string, imageId: string): unknown };
      readonly eventTarget: EventTarget;
    };
    readonly cornerstoneTools?: {
      readonly utilities: { readonly segmentation: { triggerSegmentationRender(): void } };
      readonly ToolGroupManager: { getToolGroupForViewport(viewportId: string): { getActivePrimaryMouseButtonTool(): string | undefined } | undefined };
      readonly SynchronizerManager: { getAllSynchronizers(): readonly { isDisabled(): boolean; setEnabled(enabled: boolean): void }[] };
      readonly Enums: { readonly Events: { readonly SEGMENTATION_DATA_MODIFIED: string } };
    };
  }
}

export interface OhifServices {
  readonly userAuthenticationService: { getAuthorizationHeader(): { readonly Authorization?: string } | undefined };
  readonly displaySetService: {
    readonly EVENTS: { readonly DISPLAY_SETS_ADDED: string };
    getDisplaySetByUID(uid: string): DisplaySet | undefined;
    getDisplaySetsForSeries(seriesInstanceUid: string): readonly DisplaySet[];
    getDisplaySetsForReferences(referencedSeriesSequence: object): readonly DisplaySet[];
    getActiveDisplaySets(): readonly DisplaySet[];
    subscribe(event: string, callback: () => void): Subscription;
  };
  readonly viewportGridService: {
    readonly EVENTS: { readonly ACTIVE_VIEWPORT_ID_CHANGED: string; readonly LAYOUT_CHANGED: string };
    setLayout(layout: {
      numRows: number; numCols: number; layoutType: 'grid'; activeViewportId: string; findOrCreateViewport(position: number): object | undefined;
    }): Promise<void>;
    subscribe(event: string, callback: () => void): Subscription;
    getState(): { readonly viewports: ReadonlyMap<string, Viewport>; readonly activeViewportId: string };
    setDisplaySetsForViewport(options: { viewportId: string; displaySetInstanceUIDs: readonly string[] }): void;
  };
  readonly cornerstoneViewportService: {
    readonly EVENTS: { readonly VIEWPORT_DATA_CHANGED: string };
    subscribe(event: string, callback: () => void): Subscription;
    getCornerstoneViewport(viewportId: string): CornerstoneViewport | null | undefined;
  };
  readonly segmentationService: {
    getSegmentation(segmentationId: string): { readonly representationData: { readonly Labelmap: Labelmap } } | undefined;
    createLabelmapForDisplaySet(displaySet: DisplaySet, options: { segmentationId?: string; label: string; segments: Readonly<Record<number, { label: string; active: boolean }>> }): Promise<string>;
    addSegmentationRepresentation(viewportId: string, options: { segmentationId: string; type: 'Labelmap' }): Promise<void>;
    setActiveSegmentation(viewportId: string, segmentationId: string): void;
    setActiveSegment(segmentationId: string, segment: number): void;
    removeRepresentationsFromViewport(viewportId: string, specifier: { segmentationId: string }): void;
    remove(segmentationId: string): void;
    getSegmentationRepresentations(viewportId: string, filter: { segmentationId: string }): readonly SegmentationRepresentation[];
    setSegmentColor(viewportId: string, segmentationId: string, segment: number, rgba: readonly number[]): void;
    setStyle(specifier: { readonly segmentationId: string; readonly type: 'Labelmap' }, style: SegmentationStyle): void;
    setSegmentVisibility(viewportId: string, segmentationId: string, segment: number, visible: boolean): void;
  };
  readonly hangingProtocolService: {
    getState(): { readonly protocolId: string; readonly stageIndex: number };
    setProtocol(protocolId: string, options: { stageIndex: number }): void;
    addCustomAttribute(id: string, name: string, callback: (metadata: { readonly SeriesInstanceUID?: string; readonly SeriesDescription?: string }) => unknown): void;
  };
  readonly syncGroupService: {
    addSynchronizerType(type: string, create: (id: string) => unknown): void;
  };
  readonly panelService: {
    activatePanel(panelId: string, force: boolean): void;
  };
  readonly uiNotificationService: {
    show(options: ToastOptions): unknown;
    hide(id: string): void;
  };
}

export interface DataSource {
  getConfig(): { readonly name?: string };
  deleteStudyMetadataPromise(key: string): void;
  readonly retrieve: {
    readonly series: {
      metadata(options: {
        StudyInstanceUID: string;
        filters?: { seriesInstanceUID: readonly string[] };
        madeInClient?: boolean;
      }): Promise<readonly unknown[]>;
    };
  };
}

export interface OhifHost {
  readonly servicesManager: { readonly services: OhifServices };
  readonly commandsManager: { runCommand(name: string, options?: object, context?: string): unknown };
  readonly extensionManager: { getActiveDataSource(): readonly DataSource[] };
}

/** A mode as OHIF's own modes define it; what is not changed is passed through. */
export interface ModeInstance {
  readonly id: string;
  readonly routes: readonly {
    readonly path: string;
    readonly layoutInstance: { readonly props: Record<string, unknown> };
    readonly [key: string]: unknown;
  }[];
  readonly toolbarButtons: readonly unknown[];
  readonly toolbarSections: readonly unknown[];
  readonly sopClassHandlers: readonly string[];
  readonly [key: string]: unknown;
}

export interface ModeModule {
  readonly modeInstance: ModeInstance;
}

export interface ModeFactoryOptions {
  readonly loadModules: (ids: readonly string[]) => Promise<readonly ModeModule[]>;
}
