"""The options of an evaluation: which measurement (`Question`), and how the model is opened (`Opening`).

Each option is declared here once, with its help; the command line, Prefect's forms and Python use these two classes.
Standard library only, so that `ganbench --help` is fast.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from ganbench.gan.types import Protocol

PRESET = "fashion-mnist-embedded-2k"  # the default protocol

PREPROCESSING = ("resize", "pad", "colours")  # options that bring all images to one size and one kind of colours


@dataclass(frozen=True)
class Option:
    """How an option is shown in the command's help and in a form."""

    title: str
    help: str
    metavar: str = ""
    choices: str = ""  # the table whose names are the choices: PROTOCOLS, CONVENTIONS, COLOURS or ZOO
    text: str = ""  # a title: a form also takes free text
    least: int | None = None  # the least value in a form; the command line checks it elsewhere
    shown: Any = None  # the initial value in a form, where it is not the default
    said: str = ""  # what a form says instead of `help`
    flag: str = ""  # on the command line, if not --name
    card: str = "Other"  # where it stands among a form's further settings; '': among the first fields


def option(default: Any, title: str, help: str, **more: Any) -> Any:
    """A field of a group of options."""
    return field(default=default, metadata={"option": Option(title, help, **more)})


@dataclass(frozen=True)
class Question:
    """The measurement: a named protocol, one derived from it, or one from a convention and reference data."""

    PANEL: ClassVar[str] = "Measurement"

    protocol: str = option(
        "", "Protocol", "A named measurement: see `ganbench protocols`. A reference or convention replaces it.",
        choices="PROTOCOLS", shown=PRESET, said=f"What is measured, against which real images. {PRESET}: 2,000 images "
        "of the model against Fashion-MNIST, nothing to download.", card="",
    )
    n: int | None = option(
        None, "Number of images", "How many images to draw, if not the protocol's own number.", least=2, card="",
        said="Empty: the protocol's own number. 2,000 images of a GAN take about 40 s on two cores, and seconds when "
        "they are found in the store.",
    )
    reference: str = option(
        "", "Reference", "Instead of a protocol, real images to compare with: a name of `ganbench datasets`, a folder, "
        ".npz or .parquet, or statistics (.npz).", metavar="DATA", card="Real images",
    )
    convention: str = option(
        "", "Convention", "How to compute scores, with a reference: see `ganbench conventions`.", choices="CONVENTIONS",
        card="Real images",
    )
    held_out: str = option(
        "", "Held-out images", "Real images outside the reference: every score stands beside theirs; 20% takes a "
        "random part of the reference out of it.", metavar="DATA|N%", card="Real images",
    )
    training: str = option(
        "", "Training images", "The model's training images, for the memorisation metrics.", metavar="DATA",
        card="Real images",
    )
    metrics: str = option(
        "", "Metrics", "Comma-separated, instead of the convention's: see `ganbench metrics`.",
        metavar="NAME,NAME", card="Scores",
    )
    extractor: str = option(
        "", "Extractor", "A network instead of the convention's: see `ganbench extractors`, or your own.",
        metavar="NAME|FILE.toml|MODULE:CALLABLE", card="Scores",
    )
    resize: str = option(
        "", "Resize", "Make all images, the model's and the real ones, squares of so many pixels: bicubic, lanczos, "
        "bilinear, box or nearest.", metavar="N[:METHOD]", card="Images",
    )
    pad: int | None = option(
        None, "Pad", "Put black around all images that are smaller, up to squares of so many pixels: 32 for 28x28 "
        "against Fashion-MNIST.", metavar="N", least=1, card="Images",
    )
    colours: str = option(
        "", "Colours", "Make all images grey, or all RGB.", metavar="grey|rgb", choices="COLOURS", card="Images",
    )

    @property
    def derived(self) -> bool:
        """Whether reference data are given instead of a named protocol."""
        return bool(self.reference or self.convention)


@dataclass(frozen=True)
class Opening:
    """How to open a model that does not describe itself, such as a bare file of weights."""

    PANEL: ClassVar[str] = "Model"

    family: str = option(
        "", "Family", "The architecture of a bare file of weights: see `ganbench models`.", card="Weights file",
    )
    factory: str = option(
        "", "Factory", "For a bare file of weights: your own code that builds the generator.",
        metavar="MODULE:CALLABLE", card="Weights file",
    )
    weights_key: str = option(
        "", "Weights key", "Where in a checkpoint the generator's weights lie, when it has several.",
        card="Weights file",
    )
    trust_pickle: bool = option(
        False, "Trust pickle", "Load pickled checkpoints. They run code: only files that you trust.",
        card="Weights file",
    )


@dataclass(frozen=True)
class Training:
    """What a model is trained on, and for how long."""

    PANEL: ClassVar[str] = "Training"

    data: str = option(
        "", "Images", "The images to learn from: a folder, .npz or .parquet, or a name of `ganbench datasets`; not for "
        "a recipe of a shipped model.", metavar="DATA", card="",
    )
    resolution: int = option(
        0, "Resolution", "Make all images squares of so many pixels, 8 to 256; 0: as they are, where they are such "
        "squares, and otherwise as large as their shorter sides allow, on a CPU at most 64; begun with a model, as "
        "large as its network.", metavar="N", least=0,
        card="",
    )
    budget: str = option(
        "", "Budget", "For how long: 2h, 30m or 90s of training, or a number of steps. Empty: the recipe's own steps.",
        metavar="TIME|STEPS", card="",
    )
    start: str = option(
        "", "Begin with", "A model to go on from, of the same family: MODEL, or the folder of a training. Its classes "
        "and colours may be others; 10 images are enough then.", metavar="MODEL", flag="--from", card="Transfer",
    )
    strategy: str = option(
        "", "Strategy", "How it learns on: finetune (all weights), freezed (half of the critic rests), ewc (weights "
        "are bound to what they were), adapter (less than 5 % of the weights are learnt) or scratch (the same network "
        "with fresh weights). Empty: finetune.",
        metavar="finetune|freezed|ewc|adapter|scratch",
        card="Transfer",
    )
    held_out: str = option(
        "", "Held-out images", "Real images that are not learnt from, to measure every snapshot with: N% of the "
        "images, or other DATA. Empty: 20%, at most 1,000.", metavar="DATA|N%", card="Images",
    )
    classes: str = option(
        "", "Classes", "Learn from the images of these classes only: names or numbers, comma-separated. Begun with a "
        "model of all of the data's classes, each goes on from its own.", metavar="CLASS,...", card="",
    )
    no_classes: bool = option(
        False, "Without classes", "Leave the classes of the images aside.", card="Images",
    )
    augment: str = option(
        "", "Augmentation", "What a critic sees: none, diffaugment (changed at random) or ada (as often as it "
        "overfits). Empty: diffaugment below 5,000 images.", metavar="none|diffaugment|ada", card="Method",
    )
    batch: int = option(
        0, "Batch", "Images in a batch; 0: 64, or fewer where there are few or large images.", least=0, card="Method",
    )
    patience: int = option(
        3, "Patience", "Stop when so many snapshots in a row are significantly worse than the best one; 0: never.",
        least=0, card="Method",
    )
    seed: int = option(0, "Seed", "Of the first weights, batches and draws.", least=0, card="Method")
    threads: int = option(
        0, "Threads", "Of the CPU; 0: all cores. The last bits of the weights depend on it.", least=0, card="Method",
    )


KINDS, COMPARED = "r3gan,flow,gpt", 1_000                   # of baselines: what is trained, and images of each model
SPECIALISED = ("data", "classes", "resolution", "budget", "strategy", "held_out", "no_classes", "augment", "batch",
               "patience", "seed", "threads")
FOR_ALL = ("data", "classes", "resolution", "budget", "held_out", "no_classes", "augment", "seed", "threads")


def options_of(group: type) -> dict[str, Option]:
    """The options of a group by name, in order."""
    return {row.name: row.metadata["option"] for row in fields(group)}


def given(asked: Question | Opening | Training) -> dict[str, Any]:
    """The options that are not at their defaults, by name."""
    return {row.name: getattr(asked, row.name) for row in fields(asked) if getattr(asked, row.name) != row.default}


def protocol_of(asked: Question) -> Protocol:
    """The requested protocol; `PRESET` by default."""
    from ganbench.gan import protocols

    if asked.derived:
        found = protocols.derived(asked.protocol, asked.convention, asked.reference, asked.n)
    else:
        found = protocols.with_count(protocols.named(asked.protocol or PRESET), asked.n)
    if asked.held_out:
        found = protocols.varied(found, f"held out {asked.held_out}", held_out=asked.held_out)
    if asked.resize or asked.pad is not None or asked.colours:
        found = protocols.preprocessed(found, asked.resize, asked.pad, asked.colours)
    if asked.training:
        found = protocols.varied(found, f"trained on {asked.training}", training=asked.training)
    if asked.extractor:
        other = replace(found.convention, extractors=(asked.extractor,))
        found = protocols.varied(found, f"extractor {asked.extractor}", convention=other, judge="")
    return protocols.measuring(found, asked.metrics) if asked.metrics else found
