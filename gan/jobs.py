"""Jobs: the inputs of an evaluation, resolved and checked before any expensive work begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.gan.datasets.arrays import of_anything
from ganbench.gan.datasets.classes import Matching, matching, numbers_of
from ganbench.gan.datasets.npz import holds_images
from ganbench.gan.features import pixels
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.files import check_room, file_digest
from ganbench.gan.generators.base import LatentModel
from ganbench.gan.images import write_npz
from ganbench.gan.interchange import VIEWS, is_features, is_statistics, load_features, load_statistics
from ganbench.gan.lacking import Omitted, There, omitted_of, unmeasured
from ganbench.gan.measure import roles_of
from ganbench.gan.metrics import METRICS
from ganbench.gan.models.identity import IMAGES, identity
from ganbench.gan.models.images import SIDES, open_images
from ganbench.gan.models.loading import resolve
from ganbench.gan.models.openers import complete
from ganbench.gan.needs.paths import SPACES
from ganbench.gan.parts import (
    Part,
    check_size,
    file_of,
    held_out_part,
    images_in,
    is_finite,
    labels_of,
    ordered,
    reference_part,
    training_part,
)
from ganbench.gan.question import Opening, Question, protocol_of
from ganbench.gan.sampling import check_device, generator_of
from ganbench.gan.slices import NO_CLASSES, SLICES
from ganbench.gan.stepping import latent_spaces, rounds
from ganbench.gan.trials import check_output
from ganbench.gan.types import (
    BadInput,
    Caveat,
    CompleteSpec,
    ModelSpec,
    Protocol,
    Workspace,
    digest_of,
)
from ganbench.gan.words import needs_of

REAL = ("reference", "held_out", "training")  # roles of real images


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

    def paths(self, extractor: str) -> tuple[str, ...]:
        """The kinds of paths whose steps metrics need in the features of an extractor: rows of SPACES."""
        needed = {need for name in self.metrics(extractor) for need in METRICS[name].needs}
        return tuple(need for need in SPACES if need in needed)

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
        return identity(replace(self.model, preprocessing=()))

    @cached_property
    def protocol_digest(self) -> str:
        """sha256 over everything that must be equal for two scores to be comparable; names and paths are excluded."""
        real = [identity(self.parts[role].spec) if role in self.parts else "" for role in REAL]
        preprocessing = [list(self.protocol.preprocessing)] if self.protocol.preprocessing else []
        given = file_digest(Path(self.given)) if self.given else ""
        convention = replace(self.protocol.convention, name="", matches="", extractors=())
        extractors = [extractor_of(name, self.workspace).digest for name in self.protocol.extractors]
        return digest_of([convention, extractors, given, real, self.protocol.n_generated, *preprocessing])

    @property
    def unseen(self) -> str:
        """The role of real images outside the training set; '' if there are none or it is unknown."""
        for role in ("reference", "held_out"):
            if "training" in self.parts and role in self.parts and not self.is_learned(role):
                return role
        return ""

    def is_learned(self, role: str) -> bool:
        """Whether these images are what the model learned from, or a part of that."""
        mine, training = self.parts[role].spec, self.parts["training"].spec
        is_part = bool(SIDES & mine.arguments.keys()) and mine.weights == training.weights
        return is_part or mine.sha256 == training.sha256

    @cached_property
    def digest(self) -> str:
        """The identity of this evaluation: model, protocol and seed."""
        return digest_of([self.model_digest, self.protocol_digest, self.seed])


def prepare(model: str | ModelSpec, protocol: Protocol, seed: int, workspace: Workspace) -> Job:
    """Resolve the inputs of an evaluation, and check that they fit together, before any expensive work begins."""
    check_room(workspace.root)
    check_device(workspace.device)
    spec = (resolve(model, workspace, preprocessing=protocol.preprocessing) if isinstance(model, str)
            else complete(replace(model, preprocessing=protocol.preprocessing), workspace))
    for name in protocol.extractors:
        extractor_of(name, workspace)
    spec = ordered(spec, protocol.n_generated, workspace)
    parts = {"generated": Part(spec, seed, protocol.n_generated)}
    shape = check_output(spec, seed, workspace)
    given = file_of(protocol)
    if given:
        check_given(given, protocol, shape, workspace)
    if not given or holds_images(Path(given)):
        parts["reference"] = reference_part(protocol, workspace)
    if protocol.held_out:
        parts |= held_out_part(protocol, workspace)
    if protocol.training and needs_training(protocol):
        parts["training"] = training_part(protocol, parts, workspace)
    for role in parts.keys() - {"generated"}:
        check_size(spec, shape, parts[role], workspace)
    for name in protocol.extractors:
        extractor_of(name, workspace)(np.zeros((1, *shape), np.uint8))
    parts = with_classes_alike(parts, workspace)
    job = Job(parts["generated"].spec, protocol, seed, parts, shape, given, workspace)
    return without_impossible(job)


def asked_model(
    model: str, opening: Opening, workspace: Workspace, preprocessing: tuple[str, ...] = ()
) -> CompleteSpec:
    """What a user names, opened as they say; `preprocessing`: what the protocol does to its images."""
    return resolve(model, workspace, family=opening.family, factory=opening.factory, weights_key=opening.weights_key,
                   preprocessing=preprocessing)


def asked_protocol(question: Question, specs: Sequence[ModelSpec], workspace: Workspace) -> Protocol:
    """The measurement that is asked for.  Where nobody says how many images, it is all that there are of a MODEL on
    disk, and no more than a preset's; of several such models, all of the smallest."""
    return protocol_of(counted(question, specs, workspace))


def counted(question: Question, specs: Sequence[ModelSpec], workspace: Workspace, most: int = 0) -> Question:
    """The question with its number of images, see `asked_protocol`; `most`: what it is without a MODEL on disk."""
    there = [images_in(spec, workspace) for spec in specs if spec.family == IMAGES]
    if question.n is not None or not there:
        return question
    preset = 0 if question.derived else protocol_of(question).n_generated
    return replace(question, n=min([*there, *filter(None, [most or preset])]))


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
    if by == "class":
        check_classes(job)
        real = generator_of(job.parts["reference"].spec, job.workspace)
        labelled = classes_in(job)[0] and labels_of(real) is not None
        if not labelled and job.protocol.judge not in job.extractors:
            raise BadInput("missing-labels", NO_CLASSES)


def check_classes(job: Job) -> None:
    """Where classes of both sides have names, some of these are the same."""
    mine, real = (class_names(job.parts, role, job.workspace) for role in ("generated", "reference"))
    if not match_of(job).common:
        raise BadInput("labels-do-not-fit",
                       f"No class of {job.model.name} ({', '.join(mine)}) has the name of one of the reference "
                       f"({', '.join(real)}): slices by class compare classes of one name.")


def with_classes_alike(parts: Mapping[str, Part], workspace: Workspace) -> dict[str, Part]:
    """The same parts, in which a number stands for one class: that of the name which the reference has for it."""
    found, names = dict(parts), class_names(parts, "reference", workspace)
    for role in ("generated", *REAL[1:]):
        if role not in parts or not classed(parts[role], workspace) or parts[role] == parts.get("reference"):
            continue
        match = matching(names, class_names(parts, role, workspace), is_finite(parts[role], workspace))
        if match.renumber_reference:
            numbers = numbers_of(class_names(parts, "reference", workspace), ())
            found |= {real: numbered(parts[real], numbers) for real in REAL if parts.get(real) == parts["reference"]}
        if match.renumber:
            found[role] = numbered(parts[role], numbers_of(class_names(parts, role, workspace), match.names))
        names = match.names
    return found


def numbered(part: Part, numbers: Sequence[int]) -> Part:
    """The same images, whose classes have these numbers."""
    return replace(part, spec=replace(part.spec, arguments={**part.spec.arguments, "numbers": list(numbers)}))


def classed(part: Part, workspace: Workspace) -> bool:
    """Whether its images have classes."""
    generator = generator_of(part.spec, workspace)
    return bool(generator.n_classes) or labels_of(generator) is not None


def class_names(parts: Mapping[str, Part], role: str, workspace: Workspace) -> tuple[str, ...]:
    """The names that a part has for its classes, by its own numbers."""
    if role not in parts or not is_finite(parts[role], workspace):
        return ()
    spec = parts[role].spec
    own = replace(spec, arguments={name: value for name, value in spec.arguments.items() if name != "numbers"})
    return open_images(own, workspace).images.classes      # which are not in its identity


def match_of(job: Job, role: str = "generated") -> Matching:
    """How the classes of a role go with those of the reference."""
    mine, real = (class_names(job.parts, name, job.workspace) for name in (role, "reference"))
    return matching(real, mine, is_finite(job.parts[role], job.workspace))


def classes_of(job: Job) -> tuple[str, ...]:
    """The names of all classes by number, those of the reference first."""
    names = class_names(job.parts, "reference", job.workspace)
    for role in ("generated", *REAL[1:]):
        if role in job.parts and classed(job.parts[role], job.workspace):
            mine = class_names(job.parts, role, job.workspace)
            names = matching(names, mine, is_finite(job.parts[role], job.workspace)).names
    return names


def caveats_of_classes(job: Job) -> list[Caveat]:
    """Where the classes of both sides are not the same."""
    match, found = match_of(job), []
    if match.lacking:
        found.append(Caveat("classes lacking", {"names": list(match.lacking)}))
    if match.added:
        found.append(Caveat("classes added", {"names": list(match.added)}))
    named = [bool(class_names(job.parts, role, job.workspace)) for role in ("generated", "reference")]
    if named[0] != named[1] and not match.lacking and not (match.renumber or match.renumber_reference):
        counts = [number_of_classes(job.parts[role], job.workspace) for role in ("generated", "reference")]
        if counts[0] != counts[1] and all(counts):
            one, other = ("generated", "reference") if named[0] else ("reference", "generated")
            found.append(Caveat("classes by number", {"one": one, "other": other}))
    return found


def number_of_classes(part: Part, workspace: Workspace) -> int:
    """How many classes there are images of; of a model, how many it can be asked for; 0: of none."""
    generator = generator_of(part.spec, workspace)
    labels = labels_of(generator)
    return generator.n_classes if labels is None else len(np.unique(labels))


def check_several(models: Sequence[str | ModelSpec]) -> None:
    """Refuse fewer than two models, and duplicates."""
    if len(models) < 2:
        raise BadInput("too-few-models",
                       f"A comparison takes at least 2 models, got {len(models)}: `ganbench evaluate` measures one.")
    again = [model for i, model in enumerate(models) if model in models[:i]]
    if again:
        name = again[0] if isinstance(again[0], str) else again[0].name
        raise BadInput("given-twice", f"{name} is given twice: a comparison needs different models.")


def check_mixing(models: Sequence[str], out: Path, reject: bool) -> None:
    """Check the inputs of an ensemble: two models, or one with rejection, and a model file to write."""
    if len(models) < 2 and not reject:
        raise BadInput("too-few-models", "An ensemble takes at least 2 models, or one with --reject.")
    if out.suffix != ".toml":
        raise BadInput("unknown-output-format", f"An ensemble is written as a model file, FILE.toml, got {out}.")
    if out.exists() and out.is_dir():
        raise BadInput("not-a-file", f"{out} is a folder, not a model file.")


def distinct(
    models: Sequence[str | ModelSpec], workspace: Workspace, preprocessing: tuple[str, ...] = ()
) -> list[ModelSpec]:
    """The specs of several models, by MODEL or spec; models of the same name get numbers.  `preprocessing`: the
    protocol's."""
    check_several(models)
    specs: list[ModelSpec] = [resolve(model, workspace, preprocessing=preprocessing) if isinstance(model, str)
                              else model for model in models]
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
        labels = None if found.labels is None else found.labels.tolist()
        write_npz(path, found.read(range(found.n)), labels, found.classes)
    return str(path)


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
                 min(part.n for part in job.parts.values()), *latents_in(job, extractor))


def latents_in(job: Job, extractor: str) -> tuple[frozenset[str], bool]:
    """The model's latent spaces, and whether small steps are lost in rounding, which is tried where a metric takes
    them."""
    generator, stepped = generator_of(job.model, job.workspace), job.paths(extractor)
    if not isinstance(generator, LatentModel):
        return frozenset(), False
    made, device = extractor_of(extractor, job.workspace), job.workspace.device
    return latent_spaces(generator), bool(stepped) and rounds(generator, job.model, made, device)


def classes_in(job: Job) -> tuple[bool, int]:
    """Whether the generated images have classes, and how many: from the model, the class names of the reference, those
    of the images, or their labels."""
    generator = generator_of(job.model, job.workspace)
    if generator.n_classes:
        return True, generator.n_classes
    labels = labels_of(generator)
    if labels is None:
        return False, 0
    match = match_of(job)
    known = (match.names, class_names(job.parts, "generated", job.workspace))
    return match.common, next((len(names) for names in known if names), int(labels.max()) + 1)


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


