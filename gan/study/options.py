"""The options of `ganbench study`, declared once for the command line and for Prefect's form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ganbench.gan.question import COMPARED, FIT, KINDS, needed, option


@dataclass(frozen=True)
class Study:
    """Which real images a model is held against, how long everything may take, and what is left out."""

    PANEL: ClassVar[str] = "Study"

    data: str = needed(
        "Real images", "What the model was to learn: a folder of images, .npz or .parquet, or a name of `ganbench "
        "datasets`.", metavar="DATA", card="",
    )
    budget: str = option(
        "1h", "Budget", "For everything together: 2h, 30m or 900s. What the rest leaves is for the baselines.",
        metavar="TIME", card="",
    )
    logs: list[str] | None = option(
        None, "Logs", "Of the model's training, for its learning curves: see `ganbench curves`.", metavar="LOG",
        card="",
    )
    without: str = option(
        "", "Leave out", "Stages to leave out, comma-separated, by the names of the plan; apply: augment, restore and "
        "stylize.", metavar="STAGE,...", card="Stages",
    )
    against: list[str] | None = option(
        None, "Other models", "To compare with, beside the baselines.", metavar="MODEL", card="Stages",
    )
    kinds: str = option(
        KINDS, "Baselines", "What is trained on the same images, for the same time each, comma-separated.",
        metavar="NAME,...", card="Stages",
    )
    n: int = option(COMPARED, "Number of images", "Of each model, to measure with.", least=100, card="Images")
    held_out: str = option(
        "", "Held-out images", "Real images that nothing is trained with: N% of the images, or other DATA. Empty: 20%, "
        "at most 1,000.", metavar="DATA|N%", card="Images",
    )
    fit: str = option(
        "squeeze", "Fit", "How real images of other sizes become the model's.", **FIT, card="Images")
    no_classes: bool = option(False, "Without classes", "Leave the classes of the images aside.", card="Images")
    licence: str = option(
        "", "Licence", "Of the weights, for the model card: an SPDX name, such as mit.", metavar="NAME", card="Stages",
    )
    seed: int = option(0, "Seed", "Of all draws, trainings and searches.", least=0, card="Images")
