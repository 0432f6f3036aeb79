"""From a cached case to a training patch: crop, mix, deform, degrade.

Every draw comes from the generator passed in, so a patch is a function of its seed alone and an interrupted
training continues with exactly the patches it would have had.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from .cases import CLIP, Brain
from .healthy import HealthyAtlas

DROP_MODALITY = 0.1


class Draw:
    """Random numbers of one seed. Single numbers are drawn on the CPU, where they decide what happens; fields on the
    device that holds the volumes."""

    def __init__(self, seed: int, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self.generator = Generator().manual_seed(seed)
        self.fields = self.generator if self.device.type == "cpu" else Generator(self.device).manual_seed(seed)

    def chance(self, p: float) -> bool:
        return self.uniform(0, 1) < p

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=self.generator).item()

    def integer(self, n: int) -> int:
        """0 … n − 1"""
        return int(torch.randint(n, (), generator=self.generator))

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.fields, device=self.device)

    def smooth(self, shape: tuple[int, ...], knots: int) -> Tensor:
        """A smooth random field [x, y, z] of unit order: knots³ normal numbers, interpolated."""
        return F.interpolate(self.normal(1, 1, knots, knots, knots), shape, mode="trilinear", align_corners=True)[0, 0]


def training_patch(
    brains: list[Brain], side: int, seed: int, atlas: HealthyAtlas | None = None
) -> tuple[Tensor, Tensor]:
    """Image float32 [4, side, side, side] as the network takes it, and regions float32 [3, side, side, side], on the
    device that holds the brains. One patch in twenty is of a healthy brain, where an atlas is given."""
    draw = Draw(seed, brains[0].image.device)
    if atlas and draw.chance(0.05):
        image = atlas.brain(draw)
        labels = torch.zeros(image.shape[1:], dtype=torch.uint8, device=image.device)
        return finish(image, labels, (0.02,) * 4, side, draw)
    brain = brains[draw.integer(len(brains))]
    image, labels = brain.image.float(), brain.labels.clone()
    if draw.chance(0.15):
        mirror_healthier_half(image, labels)
    elif draw.chance(0.2):
        mix_tumour(image, labels, brains[draw.integer(len(brains))], draw)
    return finish(image, labels, brain.steps, side, draw)


def finish(image: Tensor, labels: Tensor, steps: tuple[float, ...], side: int, draw: Draw) -> tuple[Tensor, Tensor]:
    """From a whole brain to the patch: crop, deform, degrade."""
    image, labels = spatial(image, labels, choose_centre(image, labels, draw), side, draw)
    image = dequantise(image, steps, draw)
    image = intensity(acquisition(image, draw), draw)
    image = drop_modalities(image.clamp_(*CLIP), draw)
    return image, torch.stack([labels > 0, (labels == 1) | (labels == 3), labels == 3]).float()


def choose_centre(image: Tensor, labels: Tensor, draw: Draw) -> Tensor:
    """A voxel [3]: half of the time in a tumour part that the case has, each part equally often (small ones are then
    seen as often as large ones), else anywhere in the brain. More often in the tumour taught the network to find some
    everywhere."""
    parts = [part for part in (1, 2, 3) if (labels == part).any()]
    if parts and draw.chance(0.5):
        inside = (labels == parts[draw.integer(len(parts))]).nonzero()
    else:
        inside = (image[0, ::4, ::4, ::4] != 0).nonzero() * 4
    return inside[draw.integer(len(inside))].cpu()


def mix_tumour(image: Tensor, labels: Tensor, donor: Brain, draw: Draw) -> None:
    """Carves a donor's tumour with 2 voxels around it into this brain, in place (after CarveMix, Zhang 2021).

    Both brains are boxed, so the same place in the box is about the same anatomy. Outside the brain nothing changes.
    """
    flip = [axis for axis in (0, 1) if draw.chance(0.5)]
    shape = tuple(min(a, b) for a, b in zip(labels.shape, donor.labels.shape))
    box = tuple(slice(0, n) for n in shape)
    donor_labels = donor.labels[box].flip(flip)
    donor_image = donor.image[(slice(None), *box)].float().flip([a + 1 for a in flip])
    soft = F.avg_pool3d(dilate((donor_labels > 0).float(), 5)[None, None], 3, 1, 1)[0, 0]
    soft = soft * (image[(slice(None), *box)] != 0).any(0) * (donor_image != 0).any(0)
    image[(slice(None), *box)] += soft * (donor_image - image[(slice(None), *box)])
    labels[box] = torch.where(soft > 0.5, donor_labels, labels[box])


def mirror_healthier_half(image: Tensor, labels: Tensor) -> None:
    """Replaces the half of the brain with more tumour by the mirror image of the other, in place: most gliomas keep
    to one side, so most of these brains have none. Without them the network has never seen a healthy brain."""
    middle = symmetry_plane((image != 0).any(0))
    n = labels.shape[0]
    width = min(middle, n - middle)
    left, right = slice(middle - width, middle), slice(middle, middle + width)
    of, to = (left, right) if (labels[left] > 0).sum() <= (labels[right] > 0).sum() else (right, left)
    image[:, to] = image[:, of].flip(1)
    labels[to] = labels[of].flip(0)
    # What the larger half has beyond the mirror image would be a sliver of brain without its neighbour.
    for outside in (slice(0, middle - width), slice(middle + width, n)):
        image[:, outside] = 0
        labels[outside] = 0


def symmetry_plane(brain: Tensor) -> int:
    """The first index on axis 0 (toward the left) right of the plane that best mirrors the mask [x, y, z] on itself."""
    n = len(brain)
    coarse = brain[:, ::4, ::4]

    def overlap(middle: int) -> int:
        width = min(middle, n - middle)
        return int((coarse[middle - width : middle].flip(0) & coarse[middle : middle + width]).sum())

    return max(range(n // 2 - 6, n // 2 + 7), key=overlap)


def spatial(image: Tensor, labels: Tensor, centre: Tensor, side: int, draw: Draw) -> tuple[Tensor, Tensor]:
    """Cuts a cube around the centre (moved by up to a quarter of the side), mirrored on each axis half of the time;
    two times in three also rotated, scaled and bent. Outside the volume: 0."""
    size = torch.tensor(labels.shape)
    centre = centre.float() + (torch.rand(3, generator=draw.generator) - 0.5) * side / 2
    # At most an eighth of the side looks out of the brain's box: background teaches nothing.
    inset = torch.minimum(torch.full((3,), side * 3 / 8), size / 2)
    centre = torch.maximum(torch.minimum(centre, size - inset), inset)
    flips = [axis for axis in range(3) if draw.chance(0.5)]
    if draw.chance(1 / 3):
        start = (centre - side / 2).round().long()
        image, labels = cut(image, start, side), cut(labels[None], start, side)[0]
    else:
        coordinates = deformed_grid(centre, side, draw)
        low = coordinates.reshape(3, -1).amin(1).floor().long().clamp(min=0)
        high = coordinates.reshape(3, -1).amax(1).ceil().long() + 2
        box = tuple(slice(int(a), max(int(b), int(a) + 1)) for a, b in zip(low, high))
        if any(s.start >= n for s, n in zip(box, labels.shape)):
            return image.new_zeros((4, side, side, side)), labels.new_zeros((side,) * 3)
        local = coordinates - low[:, None, None, None].float()
        image = resample(image[(slice(None), *box)], local, "bilinear")
        labels = resample(labels[box][None].float(), local, "nearest")[0].byte()
    return image.flip([axis + 1 for axis in flips]), labels.flip(flips)


def cut(volume: Tensor, start: Tensor, side: int) -> Tensor:
    """[channel, x, y, z] → [channel, side, side, side] from `start`, 0 where that lies outside."""
    out = volume.new_zeros((len(volume), side, side, side))
    source = [slice(max(0, int(s)), max(0, min(n, int(s) + side))) for s, n in zip(start, volume.shape[1:])]
    target = [slice(max(0, -int(s)), max(0, -int(s)) + max(0, src.stop - src.start)) for s, src in zip(start, source)]
    if all(t.stop > t.start for t in target):
        out[(slice(None), *target)] = volume[(slice(None), *source)]
    return out


def deformed_grid(centre: Tensor, side: int, draw: Draw) -> Tensor:
    """Source voxel of each voxel of the cube, [3, side, side, side]: rotation ±20°, size ×0.7…1.4 (axes differ by
    up to a tenth), and in half of the cases a smooth bend of some 3 voxels."""
    a, b, c = (math.radians(draw.uniform(-20, 20)) for _ in range(3))
    turn_x = torch.tensor([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
    turn_y = torch.tensor([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
    turn_z = torch.tensor([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
    size = math.exp(draw.uniform(math.log(0.7), math.log(1.4)))
    stretch = torch.tensor([size * draw.uniform(0.95, 1.05) for _ in range(3)])
    line = torch.arange(side, dtype=torch.float32, device=draw.device) - (side - 1) / 2
    offsets = torch.stack(torch.meshgrid(line, line, line, indexing="ij"))
    matrix = ((turn_x @ turn_y @ turn_z) / stretch).to(draw.device)
    # Written out: a matrix product may be computed in reduced precision, and these are voxel coordinates.
    coordinates = (matrix[:, :, None, None, None] * offsets).sum(1) + centre.to(draw.device)[:, None, None, None]
    if draw.chance(0.5):
        knots = 4 + draw.integer(4)
        coordinates += torch.stack([draw.smooth((side,) * 3, knots) for _ in range(3)]) * draw.uniform(1, 4)
    return coordinates


def resample(volume: Tensor, coordinates: Tensor, mode: str) -> Tensor:
    """[channel, x, y, z] read at voxel coordinates [3, side, side, side]; 0 outside."""
    size = torch.tensor(volume.shape[1:], dtype=torch.float32, device=volume.device).clamp(min=2)
    unit = coordinates * (2 / (size - 1))[:, None, None, None] - 1
    grid = unit.flip(0).permute(1, 2, 3, 0)
    # grid_sample runs one thread per batch entry on CPU: the slabs of the cube are the batch.
    slabs = torch.stack(grid.chunk(4))
    out = F.grid_sample(
        volume[None].expand(4, *volume.shape), slabs, mode=mode, padding_mode="zeros", align_corners=True
    )
    return torch.cat(tuple(out), dim=1)


def dequantise(image: Tensor, steps: tuple[float, ...], draw: Draw) -> Tensor:
    """Spreads each stored grey level over its width: a scanner's image is not in 128 levels."""
    noise = torch.rand(image.shape, generator=draw.fields, device=draw.device) - 0.5
    return image + noise * torch.tensor(steps, device=draw.device)[:, None, None, None] * (image != 0)


def acquisition(image: Tensor, draw: Draw) -> Tensor:
    """What a clinical study brings: thick slices, a series shifted against the others, a brain mask too large or
    too small. Each now and then, one modality at a time but for the mask."""
    for channel in image:
        if draw.chance(0.12):
            channel.copy_(thick_slices(channel, axis=(2, 2, 1, 0)[draw.integer(4)], factor=2 + draw.integer(5)))
        if draw.chance(0.08):
            shift = [draw.integer(5) - 2 for _ in range(3)]
            channel.copy_(channel.roll(shift, dims=(0, 1, 2)))
    if draw.chance(0.15):
        image = wrong_mask(image, draw)
    return image


def thick_slices(volume: Tensor, axis: int, factor: int) -> Tensor:
    """[x, y, z] averaged over `factor` slices along the axis and interpolated back; background stays 0."""
    kernel = [1, 1, 1]
    kernel[axis] = factor
    thick = F.avg_pool3d(volume[None, None], kernel, ceil_mode=True, count_include_pad=False)
    return F.interpolate(thick, volume.shape, mode="trilinear", align_corners=False)[0, 0] * (volume != 0)


def wrong_mask(image: Tensor, draw: Draw) -> Tensor:
    """Cuts up to 2 voxels off the brain's surface, or leaves a shell of up to 3 voxels of other tissue on it."""
    brain = (image != 0).any(0).float()
    if draw.chance(0.5):
        return image * (1 - dilate(1 - brain, 3 + 2 * draw.integer(2)))
    shell = dilate(brain, 3 + 2 * draw.integer(3)) - brain
    tissue = torch.stack([draw.smooth(tuple(shell.shape), 12) + draw.uniform(-2, 2) for _ in image])
    return image + tissue * shell


def dilate(mask: Tensor, width: int) -> Tensor:
    """A 0/1 mask [x, y, z] widened by a cube of odd `width`. Shifted maxima: ten times faster than max_pool3d on CPU."""
    for axis in range(3):
        out, n = mask.clone(), mask.shape[axis]
        for shift in range(1, width // 2 + 1):
            for to, of in ((shift, 0), (0, shift)):
                part = out.narrow(axis, to, n - shift)
                torch.maximum(part, mask.narrow(axis, of, n - shift), out=part)
        mask = out
    return mask


def intensity(image: Tensor, draw: Draw) -> Tensor:
    """Per modality: blur, contrast, gain, offset, bias field, noise; inside the brain only."""
    brain = image != 0
    for channel in image:
        if draw.chance(0.15):
            channel.copy_(gaussian_blur(channel, sigma=draw.uniform(0.4, 1.2)))
        if draw.chance(0.3):
            low, span = CLIP[0], CLIP[1] - CLIP[0]
            unit = ((channel - low) / span).clamp(0, 1)
            gamma = math.exp(draw.uniform(-0.4, 0.4))
            # Rescaled so that the mean of the brain (z-score 0) stays where it was.
            channel.copy_(unit.pow(gamma).mul_(span).sub_((-low / span) ** gamma * span))
        if draw.chance(0.3):
            channel.mul_(1 + 0.3 * draw.smooth(tuple(channel.shape), 3).clamp_(-2, 2))
        channel.mul_(draw.uniform(0.8, 1.25)).add_(draw.uniform(-0.3, 0.3))
        if draw.chance(0.3):
            channel.add_(draw.normal(*channel.shape), alpha=draw.uniform(0.02, 0.25))
    return image * brain


def gaussian_blur(volume: Tensor, sigma: float) -> Tensor:
    """[x, y, z], sigma in voxels."""
    line = torch.arange(-3, 4, dtype=torch.float32, device=volume.device)
    kernel = torch.exp(-0.5 * (line / sigma) ** 2)
    kernel /= kernel.sum()
    out = volume[None, None]
    for axis in range(3):
        shape = [1, 1, 1, 1, 1]
        shape[axis + 2] = 7
        padding = [0, 0, 0]
        padding[axis] = 3
        out = F.conv3d(out, kernel.view(shape), padding=padding)
    return out[0, 0]


def drop_modalities(image: Tensor, draw: Draw) -> Tensor:
    """Sets modalities to 0, never all of them: three times in four each with p = 0.1, else those outside a random
    subset, every one of the 14 proper ones equally often (a single modality would otherwise hardly ever be seen)."""
    if draw.chance(0.25):
        kept = 1 + draw.integer(14)
        dropped = [not kept >> index & 1 for index in range(len(image))]
    else:
        dropped = [draw.chance(DROP_MODALITY) for _ in image]
    if not all(dropped):
        for channel, drop in zip(image, dropped):
            if drop:
                channel.zero_()
    return image
