"""The options of `ganbench publish`, declared once for the command line and for Prefect's form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ganbench.gan.question import option


@dataclass(frozen=True)
class Publication:
    """What is said of a model that is handed on, and what comes with it."""

    PANEL: ClassVar[str] = "Publication"

    licence: str = option(
        "", "Licence", "Of the weights, such as mit or cc-by-4.0; nothing is sent without one.", metavar="NAME",
        card="",
    )
    data_licence: str = option(
        "", "Data licence", "Of the training images.", metavar="NAME", card="Facts",
    )
    training_data: str = option(
        "", "Training data", "What the model has learnt from, as the card says it. Empty: as its model file says it.",
        metavar="TEXT", card="Facts",
    )
    title: str = option("", "Title", "Of the card. Empty: the model's name.", metavar="TEXT", card="Facts")
    author: list[str] | None = option(
        None, "Authors", "For CITATION.cff: 'Family, Given', or the name of a group; may be repeated.",
        metavar="NAME", card="Facts",
    )
    repo: str = option(
        "", "Repository", "Where it will be, ORG/NAME: the card says how it is loaded from there.", metavar="ORG/NAME",
        card="",
    )
    benchmark: str = option(
        "", "Benchmark", "A benchmark of the Hub that the scores belong to: ORG/DATASET:TASK, and =METRIC if it is not "
        "the leading one. Written to .eval_results.", metavar="ORG/DATASET:TASK[=METRIC]", card="Facts",
    )
    space: str = option(
        "", "Space", "Write the folder of a Space instead: static, the latent page alone, or gradio, a program with "
        "sliders beside the weights.", metavar="static|gradio", card="Files",
    )
    no_mark: bool = option(
        False, "Without mark", "Leave out of the pictures' files that they are synthetic, and of which model.",
        card="Files",
    )
