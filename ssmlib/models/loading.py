"""Load a model from the file that `Model.save` wrote."""

from __future__ import annotations

from pathlib import Path

from ssmlib.models import tensor_file
from ssmlib.models.model import Model
from ssmlib.models.options import LayerMaker
from ssmlib.models.saving import VERSION


def load(path: str | Path, *, layer: LayerMaker | None = None) -> Model:
    """Read a model from a file that `Model.save` wrote.

    The model is on the CPU and in evaluation mode, and gives the same outputs as the
    one that was saved. No code is read from the file.

    Args:
        path: the file.
        layer: the layer of the model, if it is not one of this package.

    Raises:
        TypeError: for something else than a path.
        ValueError: for a file that is damaged, of another kind or of a newer version;
            or for a layer that is missing, or is not that of the model.
    """
    file = Path(tensor_file.a_path(path))
    values, content = tensor_file.read(file)
    version = content.get("version")
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"path {file} has no version of Model.save: it is damaged")
    if version > VERSION:
        raise ValueError(
            f"path {file} was written by a newer version of ssmlib, in format "
            f"{version}, and this one reads formats up to {VERSION}: update ssmlib"
        )
    try:
        model = Model.from_config(content.get("config", {}), layer=layer)
        model.load_state_dict(values)
    except (RuntimeError, KeyError, TypeError) as error:
        raise ValueError(
            f"layer must be the layer of the model, but does not fit its file: {error}"
        ) from None
    return model.eval()
