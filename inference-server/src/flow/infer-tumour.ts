import { ModelError } from '../domain/errors.ts';
import type { Vec3 } from '../domain/geometry.ts';
import { mirroringsOf, networksOf } from '../domain/manifest.ts';
import type { Region } from '../domain/label-map.ts';
import type { TumourProbabilities } from '../domain/probabilities.ts';
import { Agreement } from '../steps/agreement.ts';
import { addScaled } from '../steps/add-scaled.ts';
import { Blending } from '../steps/blending.ts';
import { brainColumns } from '../steps/brain-columns.ts';
import { gridOfBox, type Box, type GridView } from '../steps/model-grid.ts';
import { brainIn, mirror, placeTile, planTiles, touchesBrain, type Tile } from '../steps/tiles.ts';
import { fromBrainInput, toModelInput, type BrainInput, type InputChannel } from '../steps/to-model-input.ts';
import { outputChannels, toProbabilities } from '../steps/to-probabilities.ts';
import type { TumourModel } from './ports.ts';

interface Options {
  readonly model: TumourModel;
  readonly channels: readonly InputChannel[];
  readonly view: GridView;
  /** The brain's box in the view's axes. */
  readonly box: Box;
  /** 1 inside the brain, on the view's grid. */
  readonly brain: Uint8Array;
  /** Whether voxels outside the brain can be other than 0, so that the mask has to be looked at for each. */
  readonly headVisible: boolean;
  /** Of which answers it is to be seen how far they agree; it takes a tenth of all that is done besides the network. */
  readonly compare: { readonly mirrored: boolean; readonly networks: boolean };
  readonly onProgress: (progress: number) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface Inference {
  readonly probabilities: TumourProbabilities;
  /** Dice between the answers to the mirrored images; null where the model looks at one image only, or it was not asked for. */
  readonly agreement: Record<Region, number | null> | null;
  /** Dice between the answers of the networks; null for a single one, or where it was not asked for. */
  readonly members: Record<Region, number | null> | null;
}

/** The input of the last run, for the next: new memory costs a page fault for every 4 kB. Null while one is in use, so that two never share it. */
let spareInput: Float32Array | null = null;

function takeInput(length: number): Float32Array {
  const spare = spareInput;
  spareInput = null;
  return spare && spare.length >= length ? spare.subarray(0, length) : new Float32Array(length);
}

/** Runs the model over the brain, tile by tile, through one input buffer. @throws the signal's reason when aborted. */
export async function inferTumour({ model, channels, view, box, brain, headVisible, compare, onProgress, signal }: Options): Promise<Inference> {
  const { tiling, output } = model.manifest;
  const plan = planTiles(tiling, box);
  const tiles = plan.tiles.filter(tile => touchesBrain(brain, view, tile.output.low, tile.output.size));
  const mirrorings = mirroringsOf(model.manifest);
  const runs = tiles.length * mirrorings.length;
  const geometry = gridOfBox(view.geometry, plan.low, plan.size);
  const agreement = compare.mirrored && mirrorings.length > 1 ? new Agreement(output) : null;
  const members = compare.networks && networksOf(model.manifest).length > 1 ? new Agreement(output) : null;
  const channelsOut = outputChannels(output);
  const columns = brainColumns(brain, view, box);
  let done = 0;
  const tileVoxels = count(tiles[0]!.size);
  const input = takeInput(channels.length * tileVoxels);
  const visible = headVisible ? brain : null;
  const readBrain = (): BrainInput => {
    const { low, high } = box;
    const size: Vec3 = [high[0] - low[0], high[1] - low[1], high[2] - low[2]];
    const values = new Float32Array(channels.length * count(size));
    toModelInput(channels, view, visible, columns, low, size, values);
    return { low, size, values };
  };
  const brainInput = tiles.length > 1 ? readBrain() : null;
  const infer = async ({ low, size, output: part }: Tile): Promise<Float32Array> => {
    let sum: Float32Array | null = null;
    let first: Uint8Array | null = null;
    const inside = brainIn(brain, view, columns, part.low, part.size);
    if (brainInput) fromBrainInput(brainInput, channels, columns, low, size, input);
    else toModelInput(channels, view, visible, columns, low, size, input);
    let mirrored = 0;
    for (const [at, axes] of mirrorings.entries()) {
      signal?.throwIfAborted();
      // From one mirroring to the next, so that the volumes are read once.
      if (axes !== mirrored) mirror(input, channels.length, size, axes ^ mirrored);
      mirrored = axes;
      let firstMember: Uint8Array | null = null;
      // The image as it is is enough to see how far the networks agree.
      const answer = await model.infer(input, size, members && axes === 0 ? own => {
        const regions = members.regionsIn(own, inside);
        if (firstMember) members.compare(firstMember, regions);
        else firstMember = regions;
      } : undefined, axes === 0 ? inside : undefined);
      const expected = channelsOut * count(part.size);
      if (answer.length !== expected) throw new ModelError('MODEL_OUTPUT', `The model answered ${answer.length} values where ${expected} were expected`);
      if (axes) mirror(answer, channelsOut, part.size, axes);
      if (agreement) {
        const regions = agreement.regionsIn(answer, inside);
        if (first) agreement.compare(first, regions);
        else first = regions;
      }
      // The mean of what the network answers (of logits, where it answers those), so that probabilities are made once.
      if (sum) addScaled(sum, answer, at === mirrorings.length - 1 ? 1 / mirrorings.length : 1, inside);
      else sum = answer;
      onProgress(++done / runs);
    }
    return sum!;
  };

  const answer = async (): Promise<Float32Array> => {
    const [first] = plan.tiles;
    if (plan.tiles.length === 1 && first!.output.size.every((n, axis) => n === plan.size[axis])) return infer(first!);
    if (plan.blended) {
      const blending = new Blending(channelsOut, plan, columns);
      for (const tile of tiles) blending.add(await infer(tile), tile.output);
      return blending.values;
    }
    const values = new Float32Array(channelsOut * count(plan.size));
    for (const tile of tiles) placeTile(await infer(tile), channelsOut, tile.output, plan, values);
    return values;
  };
  const values = toProbabilities(await answer(), output, brainIn(brain, view, columns, plan.low, plan.size));
  spareInput = input;
  return { probabilities: { kind: output.kind, geometry, values }, agreement: agreement?.dice ?? null, members: members?.dice ?? null };
}

const count = ([a, b, c]: Vec3): number => a * b * c;
