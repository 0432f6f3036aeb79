import type { TumourModel } from './ports.ts';

/** The model without its requirements: for labelled cases, and for studies whose owner wants to see what it does without a sequence. */
export const acceptingAnySubset = (model: TumourModel): TumourModel => ({
  manifest: { ...model.manifest, requires: [] }, infer: (...input) => model.infer(...input),
});
