"""What choosing the timescale costs, in epochs of training: rows of make bench."""

from __future__ import annotations

SEQUENCES, LENGTHS = 1000, (256, 1024)
# The shape of sequential-mnist's model.
MODEL = {"batch_size": 250, "d_model": 8, "d_state": 32}


def calls(L: int) -> dict:
    """The two choices for white noise, and training on it for one and for five epochs.

    The difference of the latter is four epochs, without the model's construction and
    the evaluation at the end. There are few validation sequences.
    """
    import torch

    from ssmlib import autocorrelation
    from ssmlib.recommend import recommend
    from ssmlib.tasks import delay
    from ssmlib.tasks.split import Split
    from ssmlib.training import fit

    torch.set_num_threads(1)
    many = delay.block_copy(SEQUENCES, L, L // 8)
    x, y = many.x_train, many.y_train
    few = x[:10], y[:10]
    data = Split(x, y, *few, *few)
    return {
        "recommend": lambda: recommend(x),
        "largest_eigenvalue": lambda: autocorrelation.largest_eigenvalue(x),
        "one epoch": lambda: fit(data, [{}], epochs=1, **MODEL),
        "five epochs": lambda: fit(data, [{}], epochs=5, **MODEL),
    }


def measure(task: dict) -> dict[str, float]:
    """Runs in a process of its own."""
    from ssmbook.notebook.measure import times

    return times(calls(task["L"]), repeats=3)


def choosing_rows(ask) -> list[dict]:
    """The rows; `ask` runs one measurement in a process of its own."""
    rows = []
    for L in LENGTHS:
        taken = ask(measure="choosing", L=L)
        epoch = (taken["five epochs"] - taken["one epoch"]) / 4
        for name in ("recommend", "largest_eigenvalue"):
            rows.append(
                {
                    "what": f"{name}, beside an epoch of training",
                    "setting": f"white, n={SEQUENCES}, L={L}, one core",
                    "measure": "seconds; plain: one epoch",
                    "plain": f"{epoch:.3f}",
                    "fast": f"{taken[name]:.3f}",
                    "ratio": f"{epoch / taken[name]:.2f}",
                    "wanted": "–",
                    "met": "",
                }
            )
    return rows
