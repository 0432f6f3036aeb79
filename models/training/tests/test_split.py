from gliomanet.split import FIRST_UNET_HELD_OUT, held_out

CASES = [*FIRST_UNET_HELD_OUT, *(f"case-{i}" for i in range(25))]


def test_is_the_same_whatever_the_order_of_the_cases():
    assert held_out(CASES, "1", seed=0) == held_out(CASES[::-1], "1", seed=0)


def test_folds_are_disjoint_and_hold_eight():
    folds = [held_out(CASES, fold, seed=0) for fold in "012"]
    assert [len(fold) for fold in folds] == [8, 8, 8]
    assert len({case for fold in folds for case in fold}) == 24


def test_fold_0_holds_out_what_the_first_network_never_saw():
    assert set(FIRST_UNET_HELD_OUT) <= set(held_out(CASES, "0", seed=0))


def test_keeps_a_patients_time_points_together():
    twice = ["BraTS-GLI-00001-000", "BraTS-GLI-00001-001", *CASES]
    for seed in range(20):
        assert len({c for c in held_out(twice, "1", seed) if c.startswith("BraTS-GLI")}) in (0, 2)


def test_all_holds_out_nothing():
    assert held_out(CASES, "all", seed=0) == []


def test_a_training_that_starts_from_the_first_network_holds_out_what_that_never_saw():
    assert held_out(CASES, "first-unet", seed=0) == sorted(FIRST_UNET_HELD_OUT)
