"""The data types: small, frozen values that are passed between stages and refer to files.

Standard library and numpy only, so that every module can import them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


class BadInput(ValueError):
    """An input of the user's cannot be used; the message is one sentence that says why.

    The command line prints it on stderr without a traceback and exits with 2.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)  # both are `args`, so that a pickled or copied error keeps its code
        self.code = code  # a row of gan.codes.CODES, for programs; sentences may change

    def __str__(self) -> str:
        return self.args[1]


class BadOutput(BadInput):
    """The model ran, but its output is not images as its `ModelSpec` declares them."""


def digest_of(value: Any) -> str:
    """sha256 over canonical JSON: sorted keys, no spaces; dataclasses as dictionaries."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_as_json)
    return hashlib.sha256(text.encode()).hexdigest()


def _as_json(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"A {type(value).__name__} has no canonical JSON form.")


@dataclass(frozen=True)
class ModelSpec:
    """What to load and how.  Its hash, which includes the weights' digest, is the model's identity.

    Exactly one of `family` (a row of GENERATORS) and `factory` (`module:callable`) is given.
    """

    name: str
    family: str = ""
    factory: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    weights: str = ""  # a path; empty for models without weights
    weights_key: str = ""  # key of the state dict in the checkpoint
    sha256: str = ""  # of the weights file; checked when given
    latent: str = "normal"  # normal, uniform in [-1, 1], tokens, or none
    latent_shape: tuple[int, ...] = ()  # of one draw, for factories; families know theirs
    n_classes: int = 0  # 0: unconditional
    output_range: tuple[float, float] = (-1.0, 1.0)
    layout: str = "NCHW"  # NCHW, NHWC, NHW or NC (flat, square)
    channels: int | None = None  # declared facts, checked against the first image
    resolution: int | None = None
    resize: str = ""  # then, of its uint8 images: `64:bicubic`, see `ganbench.gan.preprocessing`
    pad: int = 0  # and pixels of a square that they are padded to
    crop: int = 0  # and of the square in their middle that they are cropped to
    class_shares: tuple[float, ...] = ()  # of a conditional model: how often each class is drawn; (): equally often
    preprocessing: tuple[str, ...] = ()  # what a protocol does to them after that: never in a model file


@dataclass(frozen=True)
class CompleteSpec(ModelSpec):
    """A spec whose files have been read, with everything that they imply filled in, so that it has an identity.

    `ganbench.gan.models.openers.complete` makes it.
    """


@dataclass(frozen=True)
class Shard:
    """Rows [1000 index, 1000 index + rows) of a set of images or features: one file in the store."""

    index: int
    rows: int
    key: str
    path: str
    digest: str  # sha256 over the rows' bytes
    computed: int = 0  # rows that had to be computed; 0: answered from the store


@dataclass(frozen=True)
class Samples:
    """n images on disk: uint8, `shape` = (channels, height, width), in shards of 1,000 by index."""

    source: str  # digest of what makes the images: model or data set
    seed: int
    shape: tuple[int, int, int]
    shards: tuple[Shard, ...]

    @property
    def n(self) -> int:
        return sum(shard.rows for shard in self.shards)

    @property
    def digest(self) -> str:
        return digest_of([*self.shape, *(shard.digest for shard in self.shards)])


@dataclass(frozen=True)
class Features:
    """n feature vectors of length d, float32, beside the logits when the extractor has them."""

    extractor: str
    shards: tuple[Shard, ...]

    @property
    def n(self) -> int:
        return sum(shard.rows for shard in self.shards)

    @property
    def digest(self) -> str:
        return digest_of([self.extractor, *(shard.digest for shard in self.shards)])


@dataclass(frozen=True)
class Context:
    """What generated features are compared with.  The reference: features of real images, a file of their statistics,
    or both, as in guided-diffusion's reference batches; then the statistics come from the file."""

    reference: Features | None
    statistics: str = ""  # a file of `ganbench.gan.statistics`
    statistics_digest: str = ""  # its sha256
    training: Features | None = None  # of the training images
    test: Features | None = None  # of real images outside the training set
    paths: Features | None = None  # of small steps between the model's latents, in the space of its draws
    w_paths: Features | None = None  # of such steps in W


@dataclass(frozen=True)
class Statistics:
    """Mean and covariance of n feature vectors of length d, in float64."""

    mu: np.ndarray  # (d,)
    sigma: np.ndarray  # (d, d), unbiased: divided by n - 1, as np.cov does
    n: int


@dataclass(frozen=True)
class Estimate:
    """A value and its standard error, in the unit of the value."""

    value: float
    se: float


@dataclass(frozen=True)
class Convention:
    """How scores are computed: extractors, metrics and their settings.  Resizing belongs to the extractor."""

    name: str
    extractors: tuple[str, ...]  # rows of EXTRACTORS; the first one leads
    metrics: tuple[str, ...] = ("fd", "kid", "is")  # rows of METRICS
    judge_metrics: tuple[str, ...] = ("fd", "kid", "is", "accuracy")  # those of the protocol's judge
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # metric -> its arguments
    matches: str = ""  # the tool whose numbers it reproduces


@dataclass(frozen=True)
class Protocol:
    """A convention with its reference data and numbers of images; scores of different digests are not comparable."""

    name: str
    convention: Convention
    reference: str  # DATA: a name of DATASETS, a folder, .npz or .parquet
    n_generated: int
    n_reference: int | None = None  # None: all of it
    judge: str = ""  # a row of EXTRACTORS: a classifier of the reference data's classes
    held_out: str = ""  # DATA of real images outside the reference, for the floor
    training: str = ""  # DATA of the model's training images, for the memorisation metrics
    preprocessing: tuple[str, ...] = ()  # of all images of every set: steps of `ganbench.gan.preprocessing`

    @property
    def extractors(self) -> tuple[str, ...]:
        """The convention's, and the judge of the reference data; the first one leads."""
        return (*self.convention.extractors, *([self.judge] if self.judge else []))

    def metrics(self, extractor: str) -> tuple[str, ...]:
        """The metrics that are computed from the features of an extractor."""
        return self.convention.judge_metrics if extractor == self.judge else self.convention.metrics


@dataclass(frozen=True)
class Workspace:
    """Paths and permissions: settings that do not affect results, so they are not part of any key."""

    home: str = "~/.ganbench"  # the store, downloaded weights and data, pictures
    data: str = ""  # a folder that may hold data sets by name
    inception_weights: str = ""  # a file of the user's; its hash is recorded beside the score
    device: str = "cpu"
    trust_pickle: bool = False  # whether code in a pickled checkpoint may run
    batch_size: int = 250  # images that a worker processes between two saves
    extractor_weights: Mapping[str, str] = field(default_factory=dict)  # extractor, or its network -> a path
    mirror: str = ""  # where finished artefacts are copied to: s3://BUCKET/FOLDER, or another address of fsspec's

    @property
    def root(self) -> Path:
        return Path(self.home).expanduser()


@dataclass(frozen=True)
class Caveat:
    """A caveat of a score: a rule, and the facts from which `ganbench.gan.words.caution` makes a sentence."""

    rule: str  # a row of gan.words.CAVEATS
    facts: Mapping[str, Any] = field(default_factory=dict)  # str, int, float or a list of these


@dataclass(frozen=True)
class Score:
    """One score with its standard error, and the same score of real images (the floor)."""

    model: str
    metric: str  # as it is shown: `fid`, or `fd_<extractor>` with any other network
    row: str  # of METRICS: `fd`; shares and counts of an audit have other names
    extractor: str  # whose features or logits it uses; empty: none
    value: float
    se: float
    floor: float | None  # n held-out real images against the same reference
    n: int
    protocol: str
    protocol_digest: str
    model_digest: str
    lower_is_better: bool = True
    bounds: tuple[float, float] = (-math.inf, math.inf)  # range of the metric
    caveats: tuple[Caveat, ...] = ()
    decides: bool = True  # whether a better value makes a better model, so that the score can rank models
    slice: str = ""  # the part of the images that it is about: `class Bag`, `cluster 3`; empty: all of them


@dataclass(frozen=True)
class Finding:
    """A strength or weakness of a model: the rule that found it, and the facts of its sentence.

    `ganbench.gan.words.sentence` makes a sentence of it.  `p` is Holm-adjusted over all tests of the model.
    """

    severity: str  # alert, warning, info, strength
    rule: str  # a row of gan.words.SENTENCES
    facts: Mapping[str, Any]  # str, int, float or a list of these
    p: float | None = None
    figure: str = ""  # slices, spectrum, appearance:<name>, modes, memorisation, gallery:<name>, scores, or none


@dataclass(frozen=True)
class Alert:
    """A problem that makes scores misleading (WARN) or meaningless (FAIL), and its cause."""

    severity: str
    cause: Caveat
    extractor: str = ""  # whose features it is about; empty: the images themselves
