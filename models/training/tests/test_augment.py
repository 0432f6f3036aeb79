import numpy as np
import pytest
import torch
from aid import a_brain, a_case

from gliomanet.augment import (
    Draw,
    cut,
    dilate,
    drop_modalities,
    mirror_healthier_half,
    spatial,
    thick_slices,
    training_patch,
    wrong_mask,
)


def test_a_patch_is_a_function_of_its_seed():
    brains = [a_brain("a"), a_brain("b")]
    first, again, other = (training_patch(brains, 32, seed) for seed in (5, 5, 6))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


@pytest.mark.parametrize("seed", range(12))
def test_image_and_labels_move_together(seed):
    case = a_case()
    image = torch.from_numpy(case.image).float()
    image, labels = spatial(image, torch.from_numpy(case.labels), torch.tensor([24, 20, 26]), 32, Draw(seed))
    tumour, bright = labels > 0, image[2] > 2.25
    assert 2 * (tumour & bright).sum() / (tumour.sum() + bright.sum()) > 0.95


@pytest.mark.parametrize("seed", range(12))
def test_a_patch_is_what_the_network_takes(seed):
    image, regions = training_patch([a_brain()], 32, seed)
    assert image.shape == (4, 32, 32, 32) and regions.shape == (3, 32, 32, 32)
    assert torch.isfinite(image).all() and image.min() >= -4 and image.max() <= 6
    assert (regions[0] >= regions[1]).all() and (regions[1] >= regions[2]).all()


def test_cuts_beyond_the_volume_are_background():
    volume = torch.ones(1, 10, 10, 10)
    assert cut(volume, torch.tensor([-4, 0, 8]), 8).sum() == 4 * 8 * 2
    assert cut(volume, torch.tensor([30, 0, 0]), 8).sum() == 0


def test_never_drops_every_modality():
    for seed in range(300):
        assert drop_modalities(torch.ones(4, 2, 2, 2), Draw(seed)).any()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_thick_slices_average_along_one_axis(axis):
    volume = torch.from_numpy(np.random.default_rng(0).normal(10, 1, (12, 12, 12))).float()
    thick = thick_slices(volume, axis, 4)
    spread = [thick.std(a).mean() for a in range(3)]
    assert np.argmin(spread) == axis


def test_dilation_equals_a_cube_shaped_maximum():
    mask = (torch.rand(20, 21, 22, generator=torch.Generator().manual_seed(0)) > 0.99).float()
    assert torch.equal(dilate(mask, 5), torch.nn.functional.max_pool3d(mask[None, None], 5, 1, 2)[0, 0])


def test_a_wrong_mask_leaves_the_inside_alone():
    image = torch.from_numpy(a_case().image).float()
    for seed in range(6):
        assert torch.equal(wrong_mask(image, Draw(seed))[:, 14:34, 14:34, 14:34], image[:, 14:34, 14:34, 14:34])


@pytest.mark.parametrize("off_centre", [-8, 8])
def test_a_tumour_on_one_side_is_gone_once_the_other_is_mirrored(off_centre):
    case = a_case(side=64)
    image, labels = torch.from_numpy(case.image).float(), torch.from_numpy(case.labels)
    brain = torch.where(image[0] != 0, -0.5, 0.0)
    labels = labels.roll(2 * off_centre, 0)[:, 20:44]
    image = (brain[:, 20:44] + 5.5 * (labels > 0)).repeat(4, 1, 1, 1)
    mirror_healthier_half(image, labels)
    assert not labels.any() and image.max() == -0.0
    assert (image[0] != 0).sum() == pytest.approx(int((brain[:, 20:44] != 0).sum()), rel=0.05)


def test_every_subset_of_the_modalities_is_seen():
    seen = {tuple(drop_modalities(torch.ones(4, 1, 1, 1), Draw(seed)).flatten().tolist()) for seed in range(2000)}
    assert len(seen) == 15
