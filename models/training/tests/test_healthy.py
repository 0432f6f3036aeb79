import nibabel as nib
import numpy as np
import pytest
import torch

from gliomanet.augment import Draw, training_patch
from gliomanet.healthy import HealthyAtlas


@pytest.fixture
def atlas(tmp_path) -> HealthyAtlas:
    """A ball: white matter inside, grey matter around it, a drop of fluid in the middle."""
    axis = np.arange(40) - 20
    radius = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
    maps = {"wm": (radius > 4) & (radius < 11), "gm": (radius >= 11) & (radius < 16)}
    maps["t1"] = maps["wm"] + 0.7 * maps["gm"] + 0.2 * (radius <= 4)
    for name, values in maps.items():
        image = nib.Nifti1Image((values * 255).astype(np.uint8), np.eye(4))
        nib.save(image, tmp_path / f"icbm152-{name}.nii.gz")
    return HealthyAtlas(tmp_path)


@pytest.mark.parametrize("seed", range(6))
def test_fluid_is_brightest_in_t2_and_darkest_in_flair(atlas, seed):
    image = atlas.brain(Draw(seed))
    fluid, tissue = atlas.tissue[2] > 0.5, atlas.tissue[:2].sum(0) > 0.5
    assert image[2][fluid].mean() > image[2][tissue].max()
    assert image[3][fluid].mean() < image[3][tissue].min()


def test_patches_of_it_have_no_tumour(atlas):
    from aid import a_brain

    empty = 0
    for seed in range(60):
        image, regions = training_patch([a_brain()], 32, seed, atlas)
        assert torch.isfinite(image).all()
        empty += not regions.any()
    assert empty > 0
