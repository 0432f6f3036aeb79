/**
 * Whether the study list offers the mode for a study.
 * @param modalities of the study, separated by backslashes as in ModalitiesInStudy (0008,0061).
 */
export function isValidMode({ modalities }: { modalities: string }): { valid: boolean; description: string } {
  return { valid: modalities.split('\\').includes('MR'), description: 'Brain tumour segmentation needs MR images' };
}
