"""How good is an image generator?  The public interface; submodules are imported on first use.

    from ganbench import evaluate, load

The library is `ganbench.gan` (numbers and files; needs neither Prefect nor MLflow), its Prefect tasks are
`ganbench.tasks`, its flows and the command line `ganbench.flows`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganbench.flows.notebook import augment, curves, interpolate, publish, restore
    from ganbench.gan.comparison import compare
    from ganbench.gan.datasets import open_data
    from ganbench.gan.evaluate import evaluate
    from ganbench.gan.explorer.widgets import explore
    from ganbench.gan.gallery import sheet
    from ganbench.gan.hub.pretrained import Pretrained
    from ganbench.gan.models.loading import load
    from ganbench.gan.question import Question
    from ganbench.gan.sampling import sample
    from ganbench.gan.types import BadInput, ModelSpec, Score, Workspace

__all__ = [
    "BadInput", "ModelSpec", "Pretrained", "Question", "Score", "Workspace", "augment", "compare", "curves", "evaluate",
    "explore", "interpolate", "load", "open_data", "publish", "restore", "sample", "sheet",
]

_HOMES = {
    "compare": "ganbench.gan.comparison",
    "evaluate": "ganbench.gan.evaluate",
    "Pretrained": "ganbench.gan.hub.pretrained",
    "explore": "ganbench.gan.explorer.widgets",
    **dict.fromkeys(["augment", "curves", "interpolate", "publish", "restore"], "ganbench.flows.notebook"),
    "sample": "ganbench.gan.sampling",
    "sheet": "ganbench.gan.gallery",
    "Question": "ganbench.gan.question",
    "load": "ganbench.gan.models.loading",
    "open_data": "ganbench.gan.datasets",
    **dict.fromkeys(["BadInput", "ModelSpec", "Score", "Workspace"], "ganbench.gan.types"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
