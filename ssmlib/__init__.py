"""How state space models begin: initialization of SSMs, exact and fast.

What users call most is imported from here: `from ssmlib import S4D, fit, recommend`.
Submodules and these names are loaded when they are first used, so that `import ssmlib`
alone does not load PyTorch. `recommend` is a submodule that can also be called.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from ssmlib import _imports

if TYPE_CHECKING:
    from ssmlib.initialization import Initialization as Initialization
    from ssmlib.layers import DSS as DSS
    from ssmlib.layers import S4 as S4
    from ssmlib.layers import S4D as S4D
    from ssmlib.models import Model as Model
    from ssmlib.recommend import Recommendation as _Recommendation
    from ssmlib.recommend import figure as _figure
    from ssmlib.recommend import recommend as _recommend
    from ssmlib.training import fit as fit

    class _Recommend(ModuleType):
        __call__ = staticmethod(_recommend)
        recommend = staticmethod(_recommend)
        figure = staticmethod(_figure)
        Recommendation = _Recommendation

    recommend: _Recommend

__version__ = "0.3.0"

#: by name the submodule that an object is loaded from
_OBJECTS = {
    "DSS": "layers",
    "Initialization": "initialization",
    "Model": "models",
    "S4": "layers",
    "S4D": "layers",
    "fit": "training",
}

__all__ = [
    *_imports.submodules(__name__),
    *_OBJECTS,
    "__version__",
    "Initialization",
    "DSS",
    "S4",
    "S4D",
    "Model",
    "fit",
]


def __getattr__(name: str) -> Any:
    if name in _OBJECTS:
        return getattr(_imports.submodule(__name__, _OBJECTS[name]), name)
    return _imports.submodule(__name__, name)


def __dir__() -> list[str]:
    return sorted(__all__)
