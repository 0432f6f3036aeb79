import torch

from gliomanet.loss import bce_dice, deep_supervision


def a_target() -> torch.Tensor:
    target = torch.zeros(1, 3, 32, 32, 32)
    target[:, :, 8:20, 8:20, 8:20] = 1
    return target


def test_is_nearly_zero_for_the_truth_and_large_for_its_opposite():
    logits = (a_target() - 0.5) * 40
    assert bce_dice(logits, a_target()) < 0.01
    assert bce_dice(-logits, a_target()) > 1


def test_false_positives_cost_where_there_is_no_tumour():
    nothing = torch.zeros(1, 3, 16, 16, 16)
    silent, noisy = torch.full_like(nothing, -20), torch.full_like(nothing, -20)
    noisy[:, :, :3] = 5
    assert bce_dice(noisy, nothing) > bce_dice(silent, nothing) + 0.5


def test_every_head_counts():
    logits = (a_target() - 0.5) * 40
    coarse = torch.nn.functional.avg_pool3d(logits, 4)
    coarser = torch.nn.functional.avg_pool3d(logits, 8)
    right = deep_supervision([logits, coarse, coarser], a_target())
    assert deep_supervision([logits, -coarse, coarser], a_target()) > right
    assert deep_supervision([logits, coarse, -coarser], a_target()) > right
