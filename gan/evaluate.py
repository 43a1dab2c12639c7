"""The pure composition: model + protocol -> scores.  Flows do the same in Prefect tasks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from gan import statistics
from gan.datasets import is_statistics
from gan.features import EXTRACTORS, inception, pixels
from gan.features.extract import extract_shard, extractor_of
from gan.files import check_room, file_digest
from gan.generators.loading import identity, resolve
from gan.measure import measure
from gan.metrics import METRICS
from gan.protocols import choose, with_count
from gan.sampling import Tick, check_device, draw, generator_of, sample_shard, shards_of, silent
from gan.store import rows_of, store_of
from gan.threads import single_threaded
from gan.types import (
    BadInput,
    BadOutput,
    Convention,
    Estimate,
    Features,
    ModelSpec,
    Protocol,
    Samples,
    Score,
    Shard,
    Workspace,
    digest_of,
)


@dataclass(frozen=True)
class Part:
    """One set of images that takes part in an evaluation: what makes them, and how many."""

    spec: ModelSpec
    seed: int
    n: int


@dataclass(frozen=True)
class Job:
    """One evaluation, checked and ready to run.  Roles: generated, reference, held_out."""

    model: ModelSpec
    protocol: Protocol
    seed: int
    parts: Mapping[str, Part]
    shape: tuple[int, int, int]  # (channels, height, width) of the model's images
    statistics: str = ""  # a file, when the reference is not images
    workspace: Workspace = field(default_factory=Workspace)

    @cached_property
    def model_digest(self) -> str:
        return identity(self.model)

    @cached_property
    def protocol_digest(self) -> str:
        """sha256 over what makes two scores comparable; names and paths are no part of it."""
        reference = (
            identity(self.parts["reference"].spec) if "reference" in self.parts else file_digest(Path(self.statistics))
        )
        held_out = identity(self.parts["held_out"].spec) if "held_out" in self.parts else ""
        convention = replace(self.protocol.convention, name="", matches="")
        extractors = [extractor_of(name, self.workspace).digest for name in self.protocol.extractors]
        return digest_of([convention, extractors, reference, held_out, self.protocol.n_generated])

    @cached_property
    def digest(self) -> str:
        """What this evaluation is, whoever runs it: model, protocol and seed."""
        return digest_of([self.model_digest, self.protocol_digest, self.seed])


def evaluate(
    model: str | ModelSpec,
    protocol: str | Protocol = "",
    *,
    n: int | None = None,
    seed: int = 0,
    workspace: Workspace | None = None,
    workers: int | None = None,
) -> list[Score]:
    """Scores of a model under a protocol; everything that is made is kept in the workspace and found again.

    `model`: what `load` takes.  `protocol`: a name of PROTOCOLS (default: fashion-mnist-embedded-2k) or
    a `Protocol`.  `n`: images to draw, if not the protocol's own number.  `workers`: shards at a time
    (default: one per core); it changes no number.
    """
    chosen = choose(protocol, n=n) if isinstance(protocol, str) else with_count(protocol, n)
    job = prepare(model, chosen, seed, workspace or Workspace())
    with single_threaded(), ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        images = {
            role: list(
                pool.map(
                    lambda shard, part=part: sample_one(part, shard[0], shard[1], job.workspace), shards_of(part.n)
                )
            )
            for role, part in job.parts.items()
        }
        return assemble(job, {name: estimates_of(job, name, images, pool) for name in job.protocol.extractors})


def estimates_of(
    job: Job, extractor: str, images: Mapping[str, list[Shard]], pool: ThreadPoolExecutor
) -> dict[str, dict[str, Estimate]]:
    """Estimates by role and metric: of the generated images and of held-out real ones, against the reference."""
    features = {
        role: Features(extractor, tuple(pool.map(lambda shard: extract_one(shard, extractor, job.workspace), shards)))
        for role, shards in images.items()
    }
    real = features.pop("reference", Path(job.statistics))
    return {role: measure(real, found, job.protocol.convention, job.workspace)[0] for role, found in features.items()}


def prepare(model: str | ModelSpec, protocol: Protocol, seed: int, workspace: Workspace) -> Job:
    """Find everything that an evaluation needs, and check that it fits, before hours of work begin."""
    check_room(workspace.root)
    check_device(workspace.device)
    spec = resolve(model, workspace) if isinstance(model, str) else model
    for name in protocol.extractors:
        extractor_of(name, workspace)
    spec = ordered(spec, protocol.n_generated, workspace)
    parts = {"generated": Part(spec, seed, protocol.n_generated)}
    shape = check_output(spec, seed, workspace)
    given = protocol.reference if is_statistics(protocol.reference) else ""
    if given:
        check_statistics(protocol, shape, workspace)
    else:
        parts["reference"] = real_part(protocol.reference, protocol.n_reference, workspace)
    if protocol.held_out and enough_held_out(protocol, workspace):
        parts["held_out"] = real_part(protocol.held_out, protocol.n_generated, workspace)
    for role in parts.keys() - {"generated"}:
        check_size(spec, shape, parts[role], workspace)
    check_counts(protocol.convention, parts)
    for name in protocol.extractors:
        extractor_of(name, workspace)(np.zeros((1, *shape), np.uint8))
    return Job(spec, protocol, seed, parts, shape, given, workspace)


def ordered(spec: ModelSpec, n: int, workspace: Workspace) -> ModelSpec:
    """Images on disk: all of them in their order, or a random part.  Other models: as they are."""
    available = getattr(generator_of(spec, workspace), "n", None)
    if available is None:
        return spec
    if n > available:
        raise BadInput(f"{spec.name} has {available:,} images, but {n:,} are to be measured: give --n {available}.")
    return replace(spec, arguments={**spec.arguments, "shuffled": n < available})


def enough_held_out(protocol: Protocol, workspace: Workspace) -> bool:
    """A floor needs as many real images as are generated; without them scores have none."""
    available: int = generator_of(resolve(protocol.held_out, workspace, data=True), workspace).n  # type: ignore[attr-defined]
    return available >= protocol.n_generated


def real_part(data: str, n: int | None, workspace: Workspace) -> Part:
    """Images of a data set, all or `n` of them: the same ones for every seed of the model."""
    spec = resolve(data, workspace, data=True)
    available: int = generator_of(spec, workspace).n  # type: ignore[attr-defined]
    return Part(ordered(spec, n or available, workspace), 0, n or available)


def check_output(spec: ModelSpec, seed: int, workspace: Workspace) -> tuple[int, int, int]:
    """Draw the first images: they must be images, and the same when drawn again."""
    generator = generator_of(spec, workspace)
    first, again = (draw(generator, spec, seed, 0, 2, workspace.device)["images"] for _ in range(2))
    if not np.array_equal(first, again):
        raise BadOutput(
            f"{spec.name} makes other images from the same draws: something in it is random "
            "(Dropout in training mode, or noise that it draws itself)."
        )
    channels, height, width = first.shape[1:]
    return channels, height, width


def check_size(spec: ModelSpec, shape: tuple[int, ...], part: Part, workspace: Workspace) -> None:
    real = draw(generator_of(part.spec, workspace), part.spec, part.seed, 0, 1)["images"].shape[1:]
    if real != shape:
        raise BadInput(
            f"{spec.name} makes images of {size_of(shape)}, {part.spec.name} has {size_of(real)}: sets of unequal "
            "size are not compared; give --reference with images like the model's."
        )


def check_counts(convention: Convention, parts: Mapping[str, Part]) -> None:
    """Every metric of the convention can be computed from so few images, or none of the work begins."""
    for name in convention.metrics:
        least = METRICS[name].least(**convention.settings.get(name, {}))
        for role, part in parts.items():
            if part.n < least:
                raise BadInput(
                    f"{name} under convention {convention.name!r} needs at least {least:,} images on both sides, "
                    f"but {part.spec.name} ({role}) gives {part.n:,}."
                )


def check_statistics(protocol: Protocol, shape: tuple[int, int, int], workspace: Workspace) -> None:
    """A file of statistics must be as long as the one extractor's features."""
    lengths = {name: dimension(name, shape, workspace) for name in protocol.extractors}
    found = len(statistics.load(protocol.reference).mu)
    if list(lengths.values()) != [found]:
        expected = ", ".join(f"{name}: {d}" for name, d in lengths.items())
        raise BadInput(
            f"{protocol.reference} has statistics of {found} features, which cannot be compared under convention "
            f"{protocol.convention.name!r} ({expected})."
        )


def size_of(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    return f"{width}x{height} pixels in {channels} channel{'s' if channels > 1 else ''}"


def extract_one(images: Shard, extractor: str, workspace: Workspace, tick: Tick = silent) -> Shard:
    """Features of one shard of images, by the name of an extractor."""
    made = extractor_of(extractor, workspace)
    return extract_shard(images, made, store_of(workspace), tick, workspace.batch_size)


def sample_one(part: Part, index: int, rows: int, workspace: Workspace, tick: Tick = silent) -> Shard:
    """One shard of a part's images."""
    return sample_shard(part.spec, part.seed, index, rows, workspace, store_of(workspace), tick)


def samples_of(part: Part, shards: Sequence[Shard]) -> Samples:
    """The shards of a part as one set, with its digest."""
    channels, height, width = rows_of(shards[0])["images"].shape[1:]
    return Samples(identity(part.spec), part.seed, (channels, height, width), tuple(shards))


def assemble(job: Job, estimates: Mapping[str, Mapping[str, Mapping[str, Estimate]]]) -> list[Score]:
    """Scores from estimates by extractor, role (generated, held_out) and metric, the leading metric first."""
    return [
        score_of(job, extractor, metric, by_role)
        for extractor, by_role in estimates.items()
        for metric in ranked(job, extractor)
        if metric in by_role["generated"]
    ]


def ranked(job: Job, extractor: str) -> list[str]:
    """KID leads where FD is biased by too few images: n < 5 d."""
    names = list(job.protocol.convention.metrics)
    if too_few(job, extractor) and "kid" in names:
        names.sort(key=lambda name: name != "kid")
    return names


def too_few(job: Job, extractor: str) -> bool:
    return job.protocol.n_generated < 5 * dimension(extractor, job.shape, job.workspace)


def dimension(extractor: str, shape: tuple[int, int, int], workspace: Workspace) -> int:
    """Length of a feature vector; `pixels` makes it of the image's shape."""
    return extractor_of(extractor, workspace).d or pixels.length(shape)


def score_of(job: Job, extractor: str, metric: str, by_role: Mapping[str, Mapping[str, Estimate]]) -> Score:
    found, floor = by_role["generated"][metric], by_role.get("held_out", {}).get(metric)
    n, d = job.protocol.n_generated, dimension(extractor, job.shape, job.workspace)
    weights = extractor_of(extractor, job.workspace).weights
    warnings = []
    if EXTRACTORS[extractor].network == "inception-2015" and weights != inception.SHA256:
        warnings.append(f"not FID's own weights: the given file's sha256 is {weights[:12]}…")
    if metric == "fd" and n < 5 * d:
        warnings.append(
            f"biased upwards: {n:,} images are fewer than 5 x {d:,} features; compare with the floor, trust KID"
        )
    if job.protocol.held_out and not floor:
        warnings.append(f"no floor: {job.protocol.held_out} has fewer than {n:,} images")
    return Score(
        model=job.model.name,
        metric=score_name(metric, extractor, weights),
        value=found.value,
        se=found.se,
        floor=floor.value if floor else None,
        n=n,
        protocol=job.protocol.name,
        protocol_digest=job.protocol_digest,
        model_digest=job.model_digest,
        lower_is_better=METRICS[metric].lower_is_better,
        warnings=tuple(warnings),
    )


def score_name(metric: str, extractor: str, weights: str) -> str:
    """`fid`, `kid`, `is` with the 2015 Inception network and its published weights (by their sha256) alone; any
    other extractor is part of the name."""
    if EXTRACTORS[extractor].network == "inception-2015" and weights == inception.SHA256:
        return "fid" if metric == "fd" else metric
    return f"{metric}_{extractor}"
