"""The options of `ganbench augment`, declared once for the command line and for Prefect's form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ganbench.gan.question import needed, option


@dataclass(frozen=True)
class Augmentation:
    """Which real images are learnt from and tested with, which arms are compared, and for how long."""

    PANEL: ClassVar[str] = "Experiment"

    data: str = needed("Real images", "Real images with classes to learn from.", metavar="DATA", card="")
    per_class: int = option(
        50, "Images per class", "Real images of each class that the classifier has; 0: all.", least=0, card="")
    seeds: int = option(5, "Seeds", "Classifiers of each arm.", least=2, card="")
    task: str = option("classify", "Task", "What is learnt from the images: their classes.", metavar="classify",
                       card="Training")
    factors: str = option("1,4,16", "Factors", "Synthetic images for each real one.", metavar="N,...", card="Arms")
    arms: str = option(
        "", "Arms", "Only these, beside those that the verdict needs. Empty: all.", metavar="NAME,...", card="Arms")
    steps: int = option(
        0, "Steps", "Of every classifier; 0: doubled until a doubling gains less than 0.3 points.", least=0,
        card="Training")
    most_steps: int = option(8_000, "Most steps", "Doubling ends at so many steps.", least=1, card="Training")
    seed: int = option(0, "Seed", "Of the synthetic images, and the first one of the classifiers.", least=0,
                       card="Training")
    test: str = option(
        "", "Test images", "Real images to test with. Empty: the test images of a named data set, otherwise a part of "
        "--data.", metavar="DATA", card="Images to test with")
    unseen: str = option(
        "", "Unseen images", "Real images that the model has not learnt from, for the oracle. Empty: a part of the "
        "test images.", metavar="DATA", card="Images to test with")
    leave_out: bool = option(
        False, "Leave out", "Leave test images out that have been learnt from, instead of stopping; of named data sets "
        "they always are.", card="Images to test with")
    export: str = option("", "Export", "A new folder for the synthetic images.", metavar="FOLDER", card="Export")
    format: str = option(
        "imagefolder", "Format", "How --export writes them.", metavar="imagefolder|parquet|webdataset", card="Export")
