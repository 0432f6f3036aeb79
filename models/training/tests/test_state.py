import torch

from gliomanet.state import load, load_ema, new_state, save, update_ema


def test_a_saved_training_comes_back_whole(tmp_path):
    state = new_state(0, torch.device("cpu"))
    sum(o.square().mean() for o in state.network.train()(torch.randn(1, 4, 32, 32, 64))).backward()
    state.optimizer.step()
    state.iteration = 7
    update_ema(state)
    save(state, tmp_path / "checkpoint.pt")

    again = new_state(1, torch.device("cpu"))
    load(again, tmp_path / "checkpoint.pt")
    assert again.iteration == 7
    for a, b in zip(state.network.state_dict().values(), again.network.state_dict().values()):
        assert torch.equal(a, b)
    for a, b in zip(state.ema.parameters(), load_ema(tmp_path / "checkpoint.pt").parameters()):
        assert torch.equal(a, b)
    assert again.optimizer.state_dict()["state"][0]["step"] == 1
