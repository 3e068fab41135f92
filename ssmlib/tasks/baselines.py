"""Baselines of a task: predictions without a model, or with a linear one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ssmlib import _checks
from ssmlib._imports import optional
from ssmlib.tasks.preparation import prepared
from ssmlib.tasks.split import Split

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = optional("pandas", "data")

#: inverse penalties of the linear models, of which validation data choose one
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def baselines(data: Split) -> pd.DataFrame:
    """Return the test loss of each baseline and, for classes, its accuracy.

    For regression (mean square) the baselines are "mean" of the training targets;
    "last", the last value of a single channel, for targets (n,); and "linear", ridge
    regression on the whole sequence, with zeros after its length. For classes
    (cross-entropy) they are "prior", the training frequencies, and "linear", logistic
    regression. The penalty is chosen on validation data. It needs scikit-learn.

    Args:
        data: a split with one target per sequence.

    Returns:
        One row per baseline, with the columns test_loss and, for classes,
        test_accuracy.

    Raises:
        ModuleNotFoundError: if scikit-learn is missing.
        TypeError: as `training.fit`, for bad data.
        ValueError: as `training.fit`, for bad data, or for one target per step.
    """
    data, _ = prepared(data, sequence=False)
    classes = not data.y_train.is_floating_point()
    parts = {
        name: tuple(
            _checks.as_numpy(part.double())
            for part in (data.counted(name).flatten(1), y)
        )
        for name, _, y in data.parts()
    }
    made = _classifiers() if classes else _regressors()
    score = _cross_entropy if classes else _square
    rows = {}
    for name, make in made.items():
        strengths = STRENGTHS if name == "linear" else STRENGTHS[:1]
        candidates = [make(s).fit(*parts["train"]) for s in strengths]
        best = min(candidates, key=lambda model: score(model, *parts["valid"]))
        rows[name] = {"test_loss": score(best, *parts["test"])}
        if classes:
            x, y = parts["test"]
            rows[name]["test_accuracy"] = float((best.predict(x) == y).mean())
    if not classes and data.x_test.shape[1] == 1 and data.y_test.shape[1] == 1:
        last = data.x_test[:, 0, -1]
        if data.lengths_test is not None:
            last = data.x_test[:, 0].gather(1, data.lengths_test[:, None] - 1)[:, 0]
        square = (last - data.y_test[:, 0]).square().mean()
        rows["last"] = {"test_loss": float(square)}
    return pd.DataFrame(rows).T


def _classifiers() -> dict[str, Callable]:
    dummy = optional("sklearn.dummy", "data")
    linear = optional("sklearn.linear_model", "data")

    return {
        "prior": lambda strength: dummy.DummyClassifier(strategy="prior"),
        "linear": lambda strength: linear.LogisticRegression(C=strength, max_iter=1000),
    }


def _regressors() -> dict[str, Callable]:
    dummy = optional("sklearn.dummy", "data")
    linear = optional("sklearn.linear_model", "data")

    return {
        "mean": lambda strength: dummy.DummyRegressor(),
        "linear": lambda strength: linear.Ridge(alpha=1 / strength),
    }


def _square(model, x: np.ndarray, y: np.ndarray) -> float:
    return float(np.square(model.predict(x).reshape(y.shape) - y).mean())


def _cross_entropy(model, x: np.ndarray, y: np.ndarray) -> float:
    """Of the classes seen in training; infinite for another."""
    logs = np.log(np.clip(model.predict_proba(x), 1e-300, None))
    columns = {c: k for k, c in enumerate(model.classes_)}
    if not set(y) <= set(columns):
        return math.inf
    return float(-np.mean([row[columns[c]] for row, c in zip(logs, y, strict=True)]))
