"""The options of an evaluation: which measurement (`Question`), and how the model is opened (`Opening`); of a training,
and of what is done with latents: films (`Route`), inversions (`Wish`), images of one class (`Request`), styles
(`Styling`); of damaged images (`Repair`).

Each option is declared here once, with its help; the command line, Prefect's forms and Python use these classes.
Standard library only, so that `ganbench --help` is fast.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields, replace
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
    choices: str = ""  # the table whose names are the choices: see `flows.options.names_of`
    text: str = ""  # a title: a form also takes free text
    least: int | None = None  # the least value in a form; the command line checks it elsewhere
    shown: Any = None  # the initial value in a form, where it is not the default
    said: str = ""  # what a form says instead of `help`
    flag: str = ""  # on the command line, if not --name
    card: str = "Other"  # where it stands among a form's further settings; '': among the first fields


def option(default: Any, title: str, help: str, **more: Any) -> Any:
    """A field of a group of options."""
    return field(default=default, metadata={"option": Option(title, help, **more)})


def needed(title: str, help: str, **more: Any) -> Any:
    """A field that has to be given."""
    return option(MISSING, title, help, **more)


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


FIT = {"metavar": "squeeze|crop|pad", "choices": "FITS"}
SPACE = {"metavar": "z|w|w+"}


@dataclass(frozen=True)
class Route:
    """Which path a film walks through a latent space, and at which pace."""

    PANEL: ClassVar[str] = "Film"

    seeds: str = option(
        "0,1", "Seeds", "Images to pass through, as `sample` numbers them.", metavar="SEED[:IMAGE],...", card="",
        said="Images to pass through: seeds of the model's images, or SEED:IMAGE, comma-separated.",
    )
    photos: str = option(
        "", "Photos", "Image files to pass through instead: the model's nearest images, see `invert`.",
        metavar="A.png,B.jpg,...", card="Photos",
    )
    fit: str = option("squeeze", "Fit", "How photos of other sizes become the model's.", **FIT, card="Photos")
    path: str = option(
        "", "Path", "Arcs, straight lines, or a cubic spline. Empty: slerp between normal latents, in W a spline if it "
        "is a loop, otherwise lerp.", metavar="slerp|lerp|spline", choices="PATHS", card="Path",
    )
    space: str = option("", "Space", "Latent space. Empty: w where there is one.", **SPACE, card="Path")
    classes: str = option(
        "", "Classes", "A class for each image, or one for all; between two they are mixed, where the model can. "
        "Empty: those that the images are drawn of.", metavar="N,...", card="Path",
    )
    frames: int = option(120, "Frames", "How many.", least=2, card="",
                         said="How many images the film is made of; its length is that by its speed.")
    loop: bool = option(False, "Loop", "End where it began.", said="The film ends where it began.", card="Path")
    own_pace: bool = option(
        False, "Own pace", "Equal steps in the latent space instead of equal changes of the images.", card="Path",
    )
    fps: float = option(30.0, "Speed", "Frames per second.", said="Frames that are shown in a second.", card="Path")


@dataclass(frozen=True)
class Styling:
    """Which image takes on whose style, by which method, and how much of it."""

    PANEL: ClassVar[str] = "Style"

    content: str = needed(
        "Content", "What is shown: an image file, or SEED:IMAGE of the model's own images.", metavar="FILE|SEED:IMAGE",
        card="",
    )
    style: str = needed(
        "Style", "How it is shown: an image file, or SEED:IMAGE of the model's own images.", metavar="FILE|SEED:IMAGE",
        card="",
    )
    strength: str = option(
        "0,0.25,0.5,0.75,1", "Strength", "How much of the style, from 0 to 1; several make a strip.",
        metavar="NUMBER,...", card="",
    )
    method: str = option(
        "", "Method", "mixing (StyleGAN2), tuning, statistics (GANs), or sdedit (diffusion and flow models). Empty: "
        "tuning, or sdedit.", metavar="mixing|tuning|statistics|sdedit", card="",
    )
    statistics: str = option(
        "adain", "Statistics", "Of feature maps: means and deviations of channels (adain), or products of all pairs "
        "(gram).", metavar="adain|gram", card="Method",
    )
    network: str = option(
        "", "Networks", "Whose features are optimised: critic (of the folder of a training), efficientnet_lite0, "
        "judge, filters, random. Empty: critic or efficientnet_lite0, with filters and random. Another one judges.",
        metavar="NAME,...", card="Method",
    )
    region: str = option(
        "object", "Region", "Where style is looked at: on the object, if both images have a border of one colour, or "
        "in the whole image.", metavar="object|whole", card="Method",
    )
    learn: str = option(
        "generator", "What learns", "By the method statistics: the generator, or the latent of the content.",
        metavar="generator|latent", card="Method",
    )
    steer: str = option(
        "statistics", "Steering", "By the method sdedit: towards the style's statistics within the content's class, or "
        "towards the style's class.", metavar="statistics|class", card="Method",
    )
    layers: str = option(
        "", "Layers", "By the method mixing: those that take the style, such as 4-7. Empty: the later half.",
        metavar="N-M,...", card="Method",
    )
    steps: int = option(20, "Steps", "Of the descent towards the style.", least=1, card="Method")
    keep: float = option(0.3, "Keep content", "Weight of what holds the content while the style changes.",
                         card="Method")
    classes: str = option(
        "", "Classes", "The class of content and style, where these are files. Empty: what the judge sees, or unknown.",
        metavar="N,N", card="Images",
    )
    fit: str = option("squeeze", "Fit", "How images of other sizes become the model's.", **FIT, card="Images")
    judge: str = option(
        "", "Judge", "A classifier of your own, which says whether the class is kept. Empty: the shipped one, of "
        "models of Fashion-MNIST.", metavar="FILE.toml|MODULE:CALLABLE", card="Images",
    )
    vgg: str = option(
        "", "Weights", "Of torchvision's VGG-16 or VGG-19: distances of style in its eyes as a further column.",
        metavar="FILE", card="Images",
    )
    seed: int = option(0, "Seed", "Of searches and of noise.", least=0, card="Method")


@dataclass(frozen=True)
class Wish:
    """How the latents of images are searched, and whether the model could have made them."""

    PANEL: ClassVar[str] = "Search"

    space: str = option("", "Space", "Latent space. Empty: w where there is one.", **SPACE, card="Search")
    classes: str = option(
        "", "Classes", "The class of each image, or one for all. Empty: every class is tried.", metavar="N,...",
        card="",
    )
    fit: str = option("squeeze", "Fit", "How images of other sizes become the model's.", **FIT, card="Search")
    starts: int = option(8, "Starts", "Latents to begin with, the best of which go on.", least=1, card="Search")
    steps: int = option(
        300, "Steps", "Steps of each.", said="Of the search, from each of the best starts.", least=1, card="Search",
    )
    tuning: int = option(
        0, "Tuning", "Steps of pivotal tuning of a copy, which is written beside the rest; 0: none.", least=0,
        card="Search",
    )
    own: int = option(
        99, "Own images", "Own images of the model that the range test inverts; 0: no test.", least=0,
        card="Range test",
    )
    reference: str = option(
        "", "Real images", "Real images that the model has not seen, for the test's power. Empty: those of its model "
        "file.", metavar="DATA", card="Range test",
    )
    seed: int = option(0, "Seed", "Of the starts, and of the test's images.", least=0, card="Search")


@dataclass(frozen=True)
class Request:
    """Of which class images are wanted, how many, by which methods, and who guides and judges."""

    PANEL: ClassVar[str] = "Class"

    asked: str = needed("Class", "The class: its name, or its number.", metavar="NAME|N", flag="--class", card="")
    n: int = option(64, "Number of images", "How many images of each method.", least=10, card="")
    method: str = option(
        "", "Method", "direct, rejection, search, projection, direction. Empty: direct and rejection of a conditional "
        "model, of others all but direct.", metavar="NAME,...", card="Search",
    )
    draws: int = option(5_000, "Draws", "Rejection gives up after so many.", least=20, card="Search")
    seed: int = option(0, "Seed", "Image i depends only on the model, the seed and i.", least=0, card="Search")
    data: str = option(
        "", "Data", "Real images with classes, to train guide and judge. Empty: Fashion-MNIST, whose judge comes with "
        "ganbench.", metavar="DATA", card="Real images",
    )
    guide: str = option(
        "", "Guide", "A classifier of your own that tells the methods which images are of the class.",
        metavar="FILE.toml|MODULE:CALLABLE", card="Classifiers",
    )
    judge: str = option(
        "", "Judge", "Another one, which judges them.", metavar="FILE.toml|MODULE:CALLABLE", card="Classifiers",
        said="Another classifier of your own, which judges what the methods find.",
    )


@dataclass(frozen=True)
class Repair:
    """What happened to images, or is done to them, and how they are restored."""

    PANEL: ClassVar[str] = "Restoration"

    damage: str = needed(
        "Damage", "inpaint:box=12, inpaint:half, inpaint:random=0.8, superres:4, denoise:0.1 or deblur:1.5; in pixels, "
        "shares, and noise of images in [0, 1].", metavar="KIND[:HOW][,noise=SIGMA]", card="",
    )
    mask: str = option(
        "", "Mask", "With the damage inpaint: a picture of the size of the model's images, white where pixels are "
        "missing, black where they are known.", metavar="FILE.png", card="Damage",
    )
    damaged: bool = option(
        False, "Damaged already", "The images are damaged already. Otherwise they are whole, and the damage is "
        "simulated and the result scored.", card="Damage",
    )
    n: int = option(1, "Solutions", "Solutions of each method that draws random numbers.", least=1, card="")
    method: str = option(
        "", "Method", "ddrm, diffpir, dps, denoiser (diffusion and flow models), search (GANs), biharmonic, tv, "
        "bicubic, nearest. Empty: all that fit.", metavar="NAME,...", card="Search",
    )
    space: str = option(
        "", "Space", "Latent space of the search. Empty: w+ where there is one.", **SPACE, card="Search",
    )
    classes: str = option(
        "", "Classes", "The class of each image, or one for all. Empty: unknown.", metavar="N,...", card="Search",
    )
    fit: str = option("squeeze", "Fit", "How whole images of other sizes become the model's.", **FIT, card="Damage")
    training: str = option(
        "", "Training images", "The model's training images, of which the nearest is shown. Empty: those of its model "
        "file.", metavar="DATA|none", card="Real images",
    )
    seed: int = option(0, "Seed", "Of the noise and of the solutions.", least=0, card="Search")


def options_of(group: type) -> dict[str, Option]:
    """The options of a group by name, in order."""
    return {row.name: row.metadata["option"] for row in fields(group)}


def given(asked: Any) -> dict[str, Any]:
    """The options of a group that are not at their defaults, by name."""
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
