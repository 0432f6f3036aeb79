import torch

from gliomanet.network import GliomaNet, Norm
from gliomanet.onnx_file import plain_name, read_onnx, write_onnx


def test_gives_logits_at_full_resolution_and_auxiliary_ones_in_training():
    network, image = GliomaNet(), torch.zeros(1, 4, 32, 64, 32)
    assert [tuple(o.shape[2:]) for o in network.train()(image)] == [(32, 64, 32), (8, 16, 8), (4, 8, 4)]
    assert network.eval()(image).shape == (1, 3, 32, 64, 32)


def test_norm_of_one_equals_norm_of_many():
    x = torch.randn(2, 3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    norm = Norm(3)
    assert torch.allclose(norm(x)[:1], norm(x[:1]), atol=1e-5)


def test_starts_where_an_onnx_file_ended(tmp_path):
    torch.manual_seed(0)
    before, after = GliomaNet().eval(), GliomaNet().eval()
    for parameter in before.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    write_onnx(before, tmp_path / "model.onnx")
    # the auxiliary heads are for training alone, so the file has none
    assert all(name.startswith("auxiliary.") for name in read_onnx(after, tmp_path / "model.onnx"))
    image = torch.randn(1, 4, 32, 64, 32)
    assert torch.allclose(before(image), after(image), atol=0.02)


def test_knows_the_weights_of_the_first_network_by_their_names():
    assert plain_name("enc.3.0.n1.weight_h") == "enc.3.n1.weight"
    assert plain_name("up.0.weight_h") == "up.0.weight"
    assert plain_name("dec.1.c1.weight.half") == "dec.1.c1.weight"
