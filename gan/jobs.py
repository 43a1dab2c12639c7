"""Jobs: the inputs of an evaluation, resolved and checked before any expensive work begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.gan.datasets.arrays import of_anything
from ganbench.gan.datasets.npz import holds_images
from ganbench.gan.drawing import draw
from ganbench.gan.features import pixels
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.files import check_room, file_digest
from ganbench.gan.generators.base import FiniteModel
from ganbench.gan.images import write_npz
from ganbench.gan.interchange import VIEWS, is_features, is_statistics, load_features, load_statistics
from ganbench.gan.lacking import Omitted, There, omitted_of, unmeasured
from ganbench.gan.measure import roles_of
from ganbench.gan.models.identity import identity
from ganbench.gan.models.loading import resolve
from ganbench.gan.models.openers import complete
from ganbench.gan.question import Opening
from ganbench.gan.sampling import check_device, generator_of
from ganbench.gan.slices import NO_CLASSES, SLICES
from ganbench.gan.store import rows_of
from ganbench.gan.trials import check_output
from ganbench.gan.types import BadInput, CompleteSpec, ModelSpec, Protocol, Samples, Shard, Workspace, digest_of
from ganbench.gan.words import needs_of

REAL = ("reference", "held_out", "training")  # roles of real images


@dataclass(frozen=True)
class Part:
    """One set of images of an evaluation: its source, and the number of images."""

    spec: ModelSpec
    seed: int
    n: int


@dataclass(frozen=True)
class Job:
    """One evaluation, checked and ready to run.  Roles: generated, reference, held_out, training."""

    model: ModelSpec
    protocol: Protocol
    seed: int
    parts: Mapping[str, Part]
    shape: tuple[int, int, int]  # (channels, height, width) of the model's images
    given: str = ""  # a file of the reference's statistics or features, instead of or in addition to its images
    workspace: Workspace = field(default_factory=Workspace)
    omitted: tuple[Omitted, ...] = ()  # metrics of the protocol that cannot be computed from these sets

    def metrics(self, extractor: str) -> tuple[str, ...]:
        """The metrics that are computed from the features of an extractor."""
        out = {one.metric for one in self.omitted if one.extractor == extractor}
        return tuple(name for name in self.protocol.metrics(extractor) if name not in out)

    @property
    def extractors(self) -> tuple[str, ...]:
        """The extractors that at least one metric uses."""
        return tuple(name for name in self.protocol.extractors if self.metrics(name))

    @property
    def lead(self) -> str:
        """The leading extractor, whose features are used for everything besides scores."""
        return self.extractors[0]

    @cached_property
    def model_digest(self) -> str:
        return identity(self.model)

    @cached_property
    def protocol_digest(self) -> str:
        """sha256 over everything that must be equal for two scores to be comparable; names and paths are excluded."""
        real = [identity(self.parts[role].spec) if role in self.parts else "" for role in REAL]
        given = file_digest(Path(self.given)) if self.given else ""
        convention = replace(self.protocol.convention, name="", matches="", extractors=())
        extractors = [extractor_of(name, self.workspace).digest for name in self.protocol.extractors]
        return digest_of([convention, extractors, given, real, self.protocol.n_generated])

    @property
    def unseen(self) -> str:
        """The role of real images outside the training set; '' if there are none or it is unknown."""
        training = self.parts.get("training")
        for role in ("reference", "held_out"):
            if training and role in self.parts and self.parts[role].spec.sha256 != training.spec.sha256:
                return role
        return ""

    @cached_property
    def digest(self) -> str:
        """The identity of this evaluation: model, protocol and seed."""
        return digest_of([self.model_digest, self.protocol_digest, self.seed])


def prepare(model: str | ModelSpec, protocol: Protocol, seed: int, workspace: Workspace) -> Job:
    """Resolve the inputs of an evaluation, and check that they fit together, before any expensive work begins."""
    check_room(workspace.root)
    check_device(workspace.device)
    spec = resolve(model, workspace) if isinstance(model, str) else complete(model, workspace)
    for name in protocol.extractors:
        extractor_of(name, workspace)
    spec = ordered(spec, protocol.n_generated, workspace)
    parts = {"generated": Part(spec, seed, protocol.n_generated)}
    shape = check_output(spec, seed, workspace)
    given = file_of(protocol)
    if given:
        check_given(given, protocol, shape, workspace)
    if not given or holds_images(Path(given)):
        parts["reference"] = real_part(protocol.reference, protocol.n_reference, workspace)
    if protocol.held_out and enough_held_out(protocol, workspace):
        parts["held_out"] = real_part(protocol.held_out, protocol.n_generated, workspace)
    if protocol.training and needs_training(protocol):
        parts["training"] = training_part(protocol, parts, workspace)
    for role in parts.keys() - {"generated"}:
        check_size(spec, shape, parts[role], workspace)
    for name in protocol.extractors:
        extractor_of(name, workspace)(np.zeros((1, *shape), np.uint8))
    job = Job(spec, protocol, seed, parts, shape, given, workspace)
    return without_impossible(job)


def samples_of(part: Part, shards: Sequence[Shard]) -> Samples:
    """The shards of a part as one set, with its digest."""
    channels, height, width = rows_of(shards[0])["images"].shape[1:]
    return Samples(identity(part.spec), part.seed, (channels, height, width), tuple(shards))


def asked_model(model: str, opening: Opening, workspace: Workspace) -> CompleteSpec:
    """The model that a user names, with its opening options."""
    return resolve(model, workspace, family=opening.family, factory=opening.factory, weights_key=opening.weights_key)


def check_images_of_reference(job: Job) -> None:
    """Refuse a reference without images."""
    if "reference" not in job.parts:
        raise BadInput("no-reference", "An attribution needs the reference's images, and not only their statistics.")


def check_slices(job: Job, by: str) -> None:
    """Refuse slices without reference images, or by class without labels of both sets or a judge."""
    if by not in ("", *SLICES):
        raise BadInput("unknown-choice", f"No slices by {by!r}: expected {' or '.join(SLICES)}.")
    if by and "reference" not in job.parts:
        raise BadInput("no-reference", f"Slices by {by} need images of the reference, and not only their statistics.")
    if by == "class" and job.protocol.judge not in job.extractors:
        real = generator_of(job.parts["reference"].spec, job.workspace)
        if not (classes_in(job)[0] and getattr(getattr(real, "images", None), "labels", None) is not None):
            raise BadInput("missing-labels", NO_CLASSES)


def check_several(models: Sequence[str]) -> None:
    """Refuse fewer than two models, and duplicates."""
    if len(models) < 2:
        raise BadInput("too-few-models",
                       f"A comparison takes at least 2 models, got {len(models)}: `ganbench evaluate` measures one.")
    again = [model for i, model in enumerate(models) if model in models[:i]]
    if again:
        raise BadInput("given-twice", f"{again[0]} is given twice: a comparison needs different models.")


def check_mixing(models: Sequence[str], out: Path, reject: bool) -> None:
    """Check the inputs of an ensemble: two models, or one with rejection, and a model file to write."""
    if len(models) < 2 and not reject:
        raise BadInput("too-few-models", "An ensemble takes at least 2 models, or one with --reject.")
    if out.suffix != ".toml":
        raise BadInput("unknown-output-format", f"An ensemble is written as a model file, FILE.toml, got {out}.")
    if out.exists() and out.is_dir():
        raise BadInput("not-a-file", f"{out} is a folder, not a model file.")


def distinct(models: Sequence[str], workspace: Workspace) -> list[ModelSpec]:
    """The specs of the named models; models of the same name get numbers."""
    check_several(models)
    specs = [resolve(model, workspace) for model in models]
    names = [spec.name for spec in specs]
    return [
        replace(spec, name=f"{spec.name} {1 + names[:i].count(spec.name)}") if names.count(spec.name) > 1 else spec
        for i, spec in enumerate(specs)
    ]


def keep(images: Any, workspace: Workspace) -> str:
    """Images in memory, or a function that returns them -> a file in the home folder, named by its digest."""
    made = images() if callable(images) else images
    found = of_anything(made, "the images")
    path = workspace.root / "images" / f"{found.digest[:32]}.npz"
    if not path.exists():
        write_npz(path, found.read(range(found.n)), None if found.labels is None else found.labels.tolist())
    return str(path)


def file_of(protocol: Protocol) -> str:
    """The reference's path, if it is a file that contains statistics or features."""
    return protocol.reference if is_statistics(protocol.reference) or is_features(protocol.reference) else ""


def needs_training(protocol: Protocol) -> bool:
    return any("training" in roles_of(name) for name in metrics_of(protocol))


def metrics_of(protocol: Protocol) -> set[str]:
    return {name for extractor in protocol.extractors for name in protocol.metrics(extractor)}


def without_impossible(job: Job) -> Job:
    """The job without the metrics that cannot be computed from these sets; refused if none is left."""
    settings = job.protocol.convention.settings
    omitted = [one for name in job.protocol.extractors
               for one in omitted_of(job.protocol.metrics(name), name, what_is_there(job, name), settings)]
    found = replace(job, omitted=tuple(omitted))
    if not any(found.metrics(name) for name in job.protocol.extractors):
        said = "; ".join(f"{', '.join(metrics)} need{'' if metrics[1:] else 's'} {needs_of(needs, least)}"
                         for (needs, least), metrics in unmeasured(omitted, set()).items())
        raise BadInput("nothing-to-measure", f"Nothing can be measured: {said}.")
    return found


def what_is_there(job: Job, extractor: str) -> There:
    """The arrays of an extractor, and the available real images."""
    arrays = {name: d or pixels.length(job.shape) for name, d in extractor_of(extractor, job.workspace).outputs.items()}
    images = frozenset(arrays) if "reference" in job.parts else frozenset()
    if is_features(job.given):
        images = frozenset(["features"])
    statistics = images
    if is_statistics(job.given):
        statistics = frozenset(view for view in arrays.keys() & VIEWS.keys()
                               if load_statistics(job.given, view, arrays[view]))
    labelled, classes = classes_in(job)
    return There(arrays, images, statistics, "training" in job.parts, bool(job.unseen), labelled, classes,
                 min(part.n for part in job.parts.values()))


def classes_in(job: Job) -> tuple[bool, int]:
    """Whether the generated images have classes, and how many: from the model, the class names of the reference, those
    of the images, or their labels."""
    generator = generator_of(job.model, job.workspace)
    if generator.n_classes:
        return True, generator.n_classes
    labels = getattr(getattr(generator, "images", None), "labels", None)
    if labels is None:
        return False, 0
    known = [generator_of(job.parts[role].spec, job.workspace).images.classes  # type: ignore[attr-defined]
             for role in ("reference", "generated") if role in job.parts]
    return True, next((len(names) for names in known if names), int(labels.max()) + 1)


def training_part(protocol: Protocol, parts: Mapping[str, Part], workspace: Workspace) -> Part:
    """The complete training set: the part of the reference if they are the same images, else in the random order in
    which held-out images of the same set are drawn, so that shards are shared."""
    part = real_part(protocol.training, None, workspace)
    if "reference" in parts and parts["reference"].spec == part.spec:
        return parts["reference"]
    return replace(part, spec=replace(part.spec, arguments={**part.spec.arguments, "shuffled": True}))


def ordered(spec: CompleteSpec, n: int, workspace: Workspace) -> CompleteSpec:
    """Images on disk: all in order, or a random subset.  Other models: unchanged."""
    generator = generator_of(spec, workspace)
    if not isinstance(generator, FiniteModel):
        return spec
    if n > generator.n:
        raise BadInput("too-few-images",
                       f"{spec.name} has {generator.n:,} images, but {n:,} are to be measured: give --n {generator.n}.")
    return replace(spec, arguments={**spec.arguments, "shuffled": n < generator.n})


def enough_held_out(protocol: Protocol, workspace: Workspace) -> bool:
    """Held-out images for the floor; None if there are fewer than generated images."""
    return images_in(resolve(protocol.held_out, workspace, data=True), workspace) >= protocol.n_generated


def images_in(spec: ModelSpec, workspace: Workspace) -> int:
    """The size of a set of images; BadInput for a model, which can draw any number."""
    generator = generator_of(spec, workspace)
    if not isinstance(generator, FiniteModel):
        raise BadInput("not-images", f"{spec.name} is a model, expected images.")
    return generator.n


def real_part(data: str, n: int | None, workspace: Workspace) -> Part:
    """Images of a data set, all or `n` of them: the same ones for every seed of the model."""
    spec = resolve(data, workspace, data=True)
    n = n or images_in(spec, workspace)
    return Part(ordered(spec, n, workspace), 0, n)


def shape_of(part: Part, workspace: Workspace) -> tuple[int, ...]:
    """(channels, height, width) of a part's images."""
    return draw(generator_of(part.spec, workspace), part.spec, part.seed, 0, 1, workspace.device)["images"].shape[1:]


def check_size(spec: ModelSpec, shape: tuple[int, ...], part: Part, workspace: Workspace) -> None:
    real = shape_of(part, workspace)
    if real != shape:
        raise BadInput(
            "unequal-sizes",
            f"{spec.name} makes images of {size_of(shape)}, {part.spec.name} has {size_of(real)}: images of "
            "different sizes are not compared; give a --reference with images of the model's size."
        )


def check_given(path: str, protocol: Protocol, shape: tuple[int, int, int], workspace: Workspace) -> None:
    """Refuse statistics or features in a file whose length is not that of the extractors."""
    for name in protocol.extractors:
        d = dimension(name, shape, workspace)
        found, what = (
            (load_features(path).shape[1], "features of length {}")
            if is_features(path)
            else (len(getattr(load_statistics(path, d=d), "mu", ())), "statistics of {} features")
        )
        if found != d:
            expected = ", ".join(f"{name}: {dimension(name, shape, workspace)}" for name in protocol.extractors)
            raise BadInput(
                "unequal-features",
                f"{path} has {what.format(found)}, which cannot be compared under convention "
                f"{protocol.convention.name!r} ({expected})."
            )


def dimension(extractor: str, shape: tuple[int, int, int], workspace: Workspace) -> int:
    """The length of a feature vector; for `pixels` it depends on the image's shape."""
    return extractor_of(extractor, workspace).d or pixels.length(shape)


def size_of(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    return f"{width}x{height} pixels in {channels} channel{'s' if channels > 1 else ''}"


