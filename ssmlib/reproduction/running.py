"""Run a published configuration to its end: checkpoints, progress, plan and result."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ssmlib._imports import optional
from ssmlib.published import result
from ssmlib.reproduction.training import Progress, Training
from ssmlib.training import checkpoint, files

if TYPE_CHECKING:
    import tqdm
else:
    tqdm = optional("tqdm", "train")

#: the first line of a checkpoint; the SHA-256 of the rest is the second
FORMAT = b"checkpoint of ssmbook reproduce, format 1\n"
#: seconds between two checkpoints within an epoch
EVERY = 300.0
#: validation accuracy of the authors' S4 after some epochs, and where they say so
GATES = {
    "listops": (10, 0.50),
    "text": (10, 0.80),
    "retrieval": (10, 0.80),
    "image": (20, 0.80),
    "pathfinder": (20, 0.90),
    "pathx": (10, 0.92),
}
GATES_SOURCE = "https://github.com/state-spaces/s4/blob/main/models/s4/experiments.md"


@dataclass(frozen=True)
class Name:
    """What is reproduced.

    Attributes:
        row: name of the configuration.
        version: "paper" or "head".
        model: a name of `training.MODELS`.
        seed: of the parameters, the batches and the dropout.
    """

    row: str
    version: str
    model: str
    seed: int

    @property
    def stem(self) -> str:
        """Return the name of its files, without their ending."""
        return f"{self.row}-{self.version}-{self.model}-{self.seed}"


@dataclass(frozen=True)
class Plan:
    """What a training costs on this machine.

    Attributes:
        parameters: number of trained parameters.
        per_epoch: steps per epoch.
        epochs: number of epochs.
        seconds: per step, the median.
    """

    parameters: int
    per_epoch: int
    epochs: int
    seconds: float

    @property
    def hours_per_epoch(self) -> float:
        """Return the hours of one epoch, without its evaluation."""
        return self.seconds * self.per_epoch / 3600

    def __str__(self) -> str:
        """Return the plan in words."""
        return (
            f"{self.parameters:,} parameters, {self.epochs} epochs of "
            f"{self.per_epoch:,} steps, {self.seconds:.2f} s per step: "
            f"{self.hours_per_epoch:.2f} hours per epoch, "
            f"{self.hours_per_epoch * self.epochs:.1f} hours in all"
        )


def plan(training: Training, epochs: int | None = None, steps: int = 20) -> Plan:
    """Time some steps and return what the training costs on this machine.

    Args:
        training: a training, which is some steps further afterwards.
        epochs: number of epochs; None for those of the configuration.
        steps: number of steps that are timed, at most one epoch.
    """
    seconds = []
    for _ in range(max(1, min(steps, training.per_epoch - 1))):
        started = time.perf_counter()
        training.step()
        seconds.append(time.perf_counter() - started)
    count = sum(p.numel() for p in training.model.parameters() if p.requires_grad)
    median = sorted(seconds)[len(seconds) // 2]
    return Plan(count, training.per_epoch, epochs or training.row.epochs, median)


def run(
    name: Name,
    training: Training,
    folder: Path,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    notes: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> dict | None:
    """Train to the end and test; continue from a checkpoint where there is one.

    A checkpoint is written after every epoch, every five minutes, and if the training
    is interrupted. A continued training has the same losses.

    Args:
        name: what is reproduced.
        training: a training that has not begun.
        folder: of the checkpoint and the result.
        epochs: number of epochs; None for those of the configuration.
        steps: the training stops after so many steps in all, and has no result then;
            None for no limit.
        notes: on the data, such as warnings; they become a part of the result.
        say: told of each epoch.

    Returns:
        The result, which is also written as JSON; None if it stopped before the end.

    Raises:
        ValueError: for a checkpoint that is damaged, in use, or of another training.
        RuntimeError: for a loss that is not finite, or a checkpoint that cannot be
            written.
    """
    wanted = epochs or training.row.epochs
    folder.mkdir(parents=True, exist_ok=True)
    with files.locked(folder / f"{name.stem}.checkpoint") as file:
        assert file is not None
        identity = _identity(name, training)
        if file.exists():
            _load(file, identity, training)
            at = training.progress
            say(f"continued after epoch {at.epoch}, step {at.step:,}")

        def save() -> None:
            _save(file, identity, training)

        try:
            _train(training, wanted, steps, save, say)
        except KeyboardInterrupt:
            save()
            raise
        save()
        if training.progress.epoch < wanted:
            return None
        result = _result(name, training) | {"notes": [*notes]}
        text = json.dumps(result, indent=1) + "\n"
        (folder / f"{name.stem}.json").write_text(text, encoding="utf-8")
        return result


def _train(
    training: Training,
    epochs: int,
    steps: int | None,
    save: Callable[[], None],
    say: Callable[[str], None],
) -> None:
    at, name = training.progress, training.metric
    done, total = at.epoch * training.per_epoch + at.step, epochs * training.per_epoch
    bar = tqdm.tqdm(total=total, initial=done, unit="step", disable=None)
    saved = time.monotonic()
    while at.epoch < epochs and (steps is None or done < steps):
        epoch = at.epoch
        loss = training.step()
        done += 1
        bar.update()
        bar.set_postfix(epoch=epoch + 1, loss=f"{loss:.3f}", refresh=False)
        if at.epoch > epoch:
            own = at.history[-1]
            say(
                f"epoch {at.epoch}: training loss {own['train_loss']:.4f}, validation "
                f"loss {own['valid_loss']:.4f}, {name} {own[f'valid_{name}']:.4f}"
            )
        if at.epoch > epoch or time.monotonic() - saved > EVERY:
            save()
            saved = time.monotonic()
    bar.close()


def gate(name: str, history: list[dict[str, float]]) -> str | None:
    """Return whether a training is on the authors' path; None where they say nothing.

    Args:
        name: of the configuration.
        history: per epoch its losses and the validation metric.
    """
    if name not in GATES:
        return None
    epoch, level = GATES[name]
    if len(history) < epoch:
        return (
            f"the authors' S4 reaches {level:.0%} after {epoch} epochs; this training "
            f"has finished {len(history)}"
        )
    own = history[epoch - 1]["valid_accuracy"]
    where = "at or above" if own >= level else "below"
    return (
        f"after {epoch} epochs the accuracy is {own:.1%}, {where} the {level:.0%} that "
        "the authors report of S4"
    )


def table(result: dict) -> str:
    """Return the result beside the published one, as lines of text.

    Args:
        result: as `run` returns it.
    """
    name, own, other = result["metric"], result["test"], result["published"]
    published = "none is published" if other is None else f"{other:.4f}"
    lines = {
        "configuration": f"{result['row']} ({result['version']}), {result['model']}",
        "seed": str(result["seed"]),
        "epochs": f"{result['epochs']} of {result['published_epochs']}",
        f"test {name}": f"{own:.4f}",
        f"published {name}": published,
    }
    width = max(map(len, lines))
    return "\n".join(f"{key:{width}}  {value}" for key, value in lines.items())


def _result(name: Name, training: Training) -> dict:
    loss, metric = training.test()
    history = training.progress.history
    return asdict(name) | {
        "metric": training.metric,
        "test_loss": loss,
        "test": metric,
        "published": result(name.row, name.model),
        "epochs": len(history),
        "published_epochs": training.row.epochs,
        "torch": torch.__version__,
        "device": training.device,
        "history": history,
    }


def _identity(name: Name, training: Training) -> dict[str, str]:
    """What a checkpoint must agree in."""
    own = {key: str(value) for key, value in asdict(name).items()}
    own["configuration"] = repr(training.row)
    own["data"] = checkpoint.digest(training.split)
    return own


def _save(file: Path, identity: dict[str, str], training: Training) -> None:
    at = training.progress
    content = {
        "identity": identity,
        "model": training.model.state_dict(),
        "optimizer": training.optimizer.state_dict(),
        "schedule": training.schedule.state_dict(),
        "progress": vars(at),
    }
    try:
        files.write(file, FORMAT, content)
    except OSError as error:
        raise RuntimeError(
            f"the checkpoint {file} could not be written ({error.strerror}); the last "
            "one is unchanged: make space, then run the same command"
        ) from None


def _load(file: Path, identity: dict[str, str], training: Training) -> None:
    content = files.read(file, FORMAT, training.device)
    found = [k for k in identity if content["identity"].get(k) != identity[k]]
    if found:
        k = found[0]
        short = {"data", "configuration"}
        own = "" if k in short else f": {content['identity'][k]}, not {identity[k]}"
        raise ValueError(
            f"checkpoint {file} is of another training, with another {k}{own}; name "
            "another folder, or remove this file"
        )
    training.model.load_state_dict(content["model"])
    training.optimizer.load_state_dict(content["optimizer"])
    training.schedule.load_state_dict(content["schedule"])
    training.progress = Progress(**content["progress"])
