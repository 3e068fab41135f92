"""The cells of the chapter UnHiPPO that read frozen states, on made-up recordings."""

import pandas as pd
import pytest
import torch

from ssmbook.notebook.files import read_notebook
from ssmlib import hippo
from ssmlib.tasks.split import Split
from ssmlib.theory import history
from tests.book.conftest import CHAPTERS
from tests.ssmlib.layouts import spoken_digits

SMALL = {"N": 16, "n_train": 30, "epochs": 1, "batch_size": 10, "rate": 0.02}
SMALL |= {"d_model": 4, "n_seeds": 1, "seed": 3, "device": "cpu"}


def cells(data, mode):
    """The names that the cells of a part define, and what they stored."""
    names = SMALL | {"data": str(data), "mode": mode}
    for cell in read_notebook(CHAPTERS["unhippo"].path).cells:
        if "part" in cell.metadata.get("tags", ()):
            exec(cell.source, names)
    return names


@pytest.fixture(scope="module")
def names():
    return cells("", "study")


@pytest.mark.parametrize(("arm", "choice"), [("HiPPO", 16), ("UnHiPPO", 1e6)])
def test_blocks_of_samples_give_the_states_of_single_steps(names, arm, choice):
    u = torch.randn(2, 100, generator=torch.Generator().manual_seed(0))
    A, B = names["frozen_steps"](arm, choice)
    found = names["read"](A, B, u).unflatten(1, B.shape)  # (2, 8, 16, 4)
    for h in (0, 7):
        steps = A[h].expand(96, -1, -1), B[h].expand(96, -1)
        true = history.states(*steps, u[:, :96].double())
        # Rounding of float32, in states whose largest entry is in the scale.
        assert (found[:, h, :, 2] - true).abs().max() < 1e-5 * true.abs().max()


def test_the_channels_have_the_steps_from_10_to_1000(names):
    A, B = names["frozen_steps"]("UnHiPPO", 1e6)
    every = hippo.unhippo(16, 1001, 1e6)
    for channel, k in ((0, 10), (3, 71), (7, 1000)):  # 71 < 10^(1 + 6/7) < 72
        assert torch.equal(A[channel], every[0][k])
        assert torch.equal(B[channel], every[1][k])


def test_truncation_reads_the_first_coefficients(names):
    u = torch.randn(2, 64, generator=torch.Generator().manual_seed(0))
    whole = names["read"](*names["frozen_steps"]("HiPPO", 16), u)
    first = names["read"](*names["frozen_steps"]("truncated", 4), u)
    whole = whole.unflatten(1, (8, 16))[:, :, :4].flatten(1, 2)
    torch.testing.assert_close(first, whole)  # rounding of float32


def test_noise_keeps_the_power(names):
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(6, 40000, generator=rng), torch.zeros(1, dtype=torch.int64)
    clean, noise = (Split(a, y, a, y, a, y) for a in (x[:3], x[3:]))
    for level in (0.0, 0.5, 2.0):
        mixed = names["noisy"](clean, noise, level).x_test
        # The standard error of a mean of 120,000 squares is 0.004.
        assert float(mixed.square().mean()) == pytest.approx(1, abs=0.02)
        # Cosine with the clean part, whose standard error is 0.003.
        cosine = float((mixed * x[:3]).mean())
        assert cosine == pytest.approx((1 + level**2) ** -0.5, abs=0.02)


@pytest.mark.filterwarnings("ignore::ssmlib.tasks.files.UnpublishedWarning")
def test_the_cells_run_on_made_up_recordings(tmp_path):
    spoken_digits(tmp_path / "free-spoken-digit-dataset")
    names = cells(tmp_path, "pilot")
    pilot = names["own_table"]
    assert len(pilot) == 2 * (1 + 4 + 4)
    known = {kind: names["chosen"](pilot, kind) for kind in ("clean", "noisy")}
    pair = names["recordings"](names["whole"], 3)
    rows = pd.DataFrame(names["of_seed"](pair, 3, "noisy", known["noisy"]))
    assert {*rows.task} == {f"noisy, {level:g}" for level in names["levels"]}
    assert len(rows) == 3 * 4 + 2  # and two baselines
    same = rows[(rows.task == "noisy, 0.5") & (rows.arm == "HiPPO")].iloc[0]
    choice, lr = known["noisy"]["HiPPO"]
    _, fits = names["readout"](names["states_of"](pair, "HiPPO", choice), 0.5, [lr], 3)
    # One pass over the test data in other batches.
    assert fits.table.test_loss[0] == pytest.approx(same.test_loss, rel=1e-4)
