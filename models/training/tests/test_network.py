import torch

from gliomanet.network import GliomaNet, Norm


def test_gives_logits_at_full_resolution_and_auxiliary_ones_in_training():
    network, image = GliomaNet(), torch.zeros(1, 4, 32, 64, 32)
    assert [tuple(o.shape[2:]) for o in network.train()(image)] == [(32, 64, 32), (8, 16, 8), (4, 8, 4)]
    assert network.eval()(image).shape == (1, 3, 32, 64, 32)


def test_norm_of_one_equals_norm_of_many():
    x = torch.randn(2, 3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    norm = Norm(3)
    assert torch.allclose(norm(x)[:1], norm(x[:1]), atol=1e-5)
