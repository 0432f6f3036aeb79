import type { VolumeGeometry } from './geometry.ts';

/** A code of a terminology (DICOM PS3.3 §8.8). */
export interface Code {
  readonly value: string;
  readonly scheme: 'SCT' | 'NCIt' | 'DCM' | 'UCUM' | 'SRT' | '99CBLOOM';
  readonly meaning: string;
}

export type SegmentName = 'necrotic' | 'edema' | 'enhancing';

/** What a label means, how it is coded and how it is shown. */
export interface Segment {
  /** The voxel value and the DICOM segment number. */
  readonly number: 1 | 2 | 3;
  readonly name: SegmentName;
  readonly label: string;
  readonly type: Code;
  readonly category: Code;
  /** CIELab (L* 0…100, a*, b* −128…127, D50); orange, sky blue and yellow keep apart for colour-blind readers (Okabe & Ito 2008). */
  readonly cieLab: readonly [number, number, number];
  readonly rgb: readonly [number, number, number];
}

const ABNORMAL: Code = { value: '49755003', scheme: 'SCT', meaning: 'Morphologically Abnormal Structure' };

export const [NECROTIC, EDEMA, ENHANCING] = [1, 2, 3] as const;

export const SEGMENTS: readonly [Segment, Segment, Segment] = [
  {
    number: NECROTIC, name: 'necrotic', label: 'Necrotic core', category: ABNORMAL, rgb: [240, 228, 66], cieLab: [88.9, -9.6, 76.1],
    type: { value: '6574001', scheme: 'SCT', meaning: 'Necrosis' },
  },
  {
    number: EDEMA, name: 'edema', label: 'Oedema', category: ABNORMAL, rgb: [86, 180, 233], cieLab: [68.3, -15.9, -39.9],
    type: { value: '79654002', scheme: 'SCT', meaning: 'Edema' },
  },
  {
    number: ENHANCING, name: 'enhancing', label: 'Enhancing tumour', category: ABNORMAL, rgb: [213, 94, 0], cieLab: [54.8, 43.5, 64.5],
    type: { value: 'C113842', scheme: 'NCIt', meaning: 'Enhancing Lesion' },
  },
];

export const BRAIN: Code = { value: '12738006', scheme: 'SCT', meaning: 'Brain' };

/** 0 background, 1 necrotic core, 2 oedema, 3 enhancing tumour, `[slice, row, column]` as in `Volume`. */
export interface LabelMap {
  readonly geometry: VolumeGeometry;
  readonly labels: Uint8Array;
}

/** The nested regions of the BraTS challenge (Menze 2015): whole tumour ⊃ tumour core ⊃ enhancing tumour. */
export const REGIONS = { wt: [1, 2, 3], tc: [1, 3], et: [3] } as const;
export type Region = keyof typeof REGIONS;
