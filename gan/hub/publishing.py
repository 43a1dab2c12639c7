"""A model -> the folder that is published: weights that load in two lines, card, numbers, pictures, pages.

A part that cannot be made is said in a sentence, and the others are made.  The folder is the same whenever the same is
asked; where it is already, it is not made again.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.gan.datasets import DATASETS
from ganbench.gan.drawing import draw
from ganbench.gan.explorer.explored import Explored
from ganbench.gan.explorer.page import Named, exported
from ganbench.gan.files import atomic_write, check_room, file_digest
from ganbench.gan.generators import GENERATORS, pipeline
from ganbench.gan.generators.base import Generator
from ganbench.gan.hub.bundle import (
    CARD,
    CITATION,
    EXPLORE,
    FAILURES,
    NUMBERS,
    REPORT,
    SAMPLES,
    SHOWN,
    SUMS,
    WEIGHTS,
    Part,
    check_new,
    grid_digest,
    is_sound,
    new_folder,
    parts_of,
)
from ganbench.gan.hub.card import PIPELINE, Described, Licences, as_json, card, evaluation
from ganbench.gan.hub.checking import PICKLES
from ganbench.gan.hub.citation import citation
from ganbench.gan.hub.failures import write_failures
from ganbench.gan.hub.measuring import Measured, is_place, measured, options_said, question_for, why_not
from ganbench.gan.hub.options import Publication
from ganbench.gan.hub.pretrained import Pretrained
from ganbench.gan.hub.results import benchmark_of, eval_results
from ganbench.gan.hub.spaces import check_kind, space_card, space_program
from ganbench.gan.images import write_contact_sheet
from ganbench.gan.jobs import asked_model, classes_of
from ganbench.gan.models import hub
from ganbench.gan.models.identity import identity
from ganbench.gan.models.toml_file import about
from ganbench.gan.question import Opening, Question, given
from ganbench.gan.recipes.transfer import file_of, learnt_by
from ganbench.gan.sampling import generator_of
from ganbench.gan.sources import HERE
from ganbench.gan.synthetic import mark
from ganbench.gan.types import BadInput, CompleteSpec, Workspace, digest_of
from ganbench.gan.watching import Show
from ganbench.gan.words import OF_OTHERS, caution, sentence


@dataclass(frozen=True)
class Published:
    """A folder, its files, and sentences about what could not be made; `computed`: False: it was there."""

    folder: str
    parts: Sequence[Part]
    notes: Sequence[str]
    title: str
    licences: Licences
    computed: bool = True


@dataclass
class Making:
    """What is known while a folder is written."""

    spec: CompleteSpec
    generator: Generator
    wish: Publication
    workspace: Workspace
    data: str                               # what the model has learnt; '': not known
    names: Mapping[str, str]                # of files of this machine, by their places
    notes: list[str] = field(default_factory=list)          # what could not be made
    hints: list[str] = field(default_factory=list)          # what else could be given: no business of the card's
    found: Measured | None = None

    @property
    def title(self) -> str:
        return self.wish.title or self.spec.name.rpartition("/")[2].partition("@")[0]

    @property
    def repo(self) -> str:
        return self.wish.repo or f"ORG/{slug(self.title)}"

    @property
    def classes(self) -> tuple[str, ...]:
        known = DATASETS[self.data.partition(":")[0]].classes if self.data.partition(":")[0] in DATASETS else ()
        names = known or (classes_of(self.found.job) if self.found else ())
        return tuple(names) if len(names) == self.generator.n_classes else ()

    @property
    def licences(self) -> Licences:
        known = DATASETS.get(self.data.partition(":")[0])
        return Licences(self.wish.licence, self.wish.data_licence or (known.licence if known else ""))

    @property
    def origin(self) -> dict[str, Any]:
        return {"model": self.title, "model_digest": identity(self.spec), "seed": 0, "synthetic": True}


def publication(
    show: Show, model: str, out: Path, wish: Publication, question: Question, opening: Opening, seed: int,
    workspace: Workspace, workers: int | None = None,
) -> Published:
    """Write the folder `out`.  BadInput: the model is none that can be handed on, or the measurement that was asked for
    cannot be made.  `question`: see `ganbench.gan.hub.measuring.question_for`."""
    check_room(workspace.root)
    benchmark_of(wish.benchmark)
    check_kind(wish.space)
    spec = asked_model(file_of(model), opening, workspace)
    check_publishable(spec)
    key = key_of(spec, wish, question, seed)
    known = kept(out, key)
    if known:
        return known
    check_new(out)
    made = Making(spec, generator_of(spec, workspace), wish, workspace, data_of(model), places(spec, question))
    if not wish.space:
        measure(show, made, model, question, opening, seed, workers)
    with new_folder(out) as folder:
        show("files", 0, 1)
        if wish.space:
            write_space(folder, made, key)
        else:
            write(folder, made, seed, key)
        show("files", 1)
    return result(out, [*made.notes, *made.hints], made.title, made.licences)


def key_of(spec: CompleteSpec, wish: Publication, question: Question, seed: int) -> str:
    """A digest of everything that a folder is made of, and of the code that makes it."""
    return digest_of([identity(spec), spec.name, asdict(wish), asdict(question), seed, version("ganbench"),
                      HERE.digest("hub.publishing")])


def result(out: Path, notes: Sequence[str], title: str, licences: Licences, computed: bool = True) -> Published:
    return Published(str(out.absolute()), parts_of(out), tuple(notes), title, licences, computed)


def kept(out: Path, key: str) -> Published | None:
    """The folder, if it is that of the same question and no file has changed."""
    with suppress(BadInput):
        found, known = described_in(out)
        return found if known == key and is_sound(out) else None
    return None


def described_in(folder: Path) -> tuple[Published, str]:
    """A folder that was written before, as it says itself, and the key of what it was made of.  BadInput: it is none.
    """
    path = folder / NUMBERS
    try:
        said = json.loads(path.read_text("utf-8"))
        found = result(folder, said["notes"], said["title"], Licences(**said["licences"]), computed=False)
        return found, said["key"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput("unusable-config", f"{folder} is no folder that `ganbench publish folder` has written: "
                                          f"{NUMBERS} is missing or says too little.") from error


def check_publishable(spec: CompleteSpec) -> None:
    """Only what others can load without running code of ours or of the user's."""
    if spec.factory:
        raise BadInput("unpublishable-model",
                       f"{spec.name} is built by code of yours ({Path(spec.factory).name}), which whoever loads it "
                       "would have to run: give --family if its weights fit one of "
                       f"{', '.join(sorted(GENERATORS))}, or publish a diffusers pipeline.")
    if spec.family not in (*GENERATORS, PIPELINE):
        raise BadInput("unpublishable-model",
                       f"{spec.name} is of the kind {spec.family}, expected a generator of one of the families "
                       f"{', '.join(sorted(GENERATORS))}, or a diffusers pipeline.")
    if spec.family == PIPELINE and (weights := pickles_in(hub.place(spec.weights))):
        raise BadInput("unpublishable-model",
                       f"{spec.name} has weights in a pickle ({weights[0]}), expected safetensors: save the pipeline "
                       "again with save_pretrained(folder).")


def pickles_in(folder: Path) -> list[str]:
    """Weights that are there as a pickle alone."""
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in PICKLES]
    return [path.relative_to(folder).as_posix() for path in found if not list(path.parent.glob("*.safetensors"))]


def data_of(model: str) -> str:
    """What a model has learnt, if its file says so."""
    with suppress(BadInput, OSError, ValueError):
        return learnt_by(model)
    return ""


def places(spec: CompleteSpec, question: Question) -> dict[str, str]:
    """Places of this machine that results may name, the longest first, with the names that are published instead."""
    texts = {spec.weights, *(value for value in given(question).values() if isinstance(value, str))}
    found = {place: Path(text).name for text in texts if text and is_place(text)
             for place in (text, str(Path(text).absolute()))}
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))


def without_places(text: str, names: Mapping[str, str]) -> str:
    for place, name in names.items():
        text = text.replace(place, name)
    return text


def measure(
    show: Show, made: Making, model: str, question: Question, opening: Opening, seed: int, workers: int | None
) -> None:
    """Scores and findings.  What nobody asked for by name may fail."""
    asked = question_for(question, made.data)
    if asked is None:
        made.notes.append("No scores: it is not known what the model has learnt; name real images with --reference, or "
                          "a --protocol.")
        return
    said = options_said(asked)
    words = [f"{word} {value}" for word, value in (
        ("--protocol", said.protocol), ("--reference", said.reference), ("--n", said.n)) if value]
    command = " ".join(["ganbench evaluate", f"hf:{made.repo}", *words, *([f"--seed {seed}"] if seed else [])])
    try:
        made.found = measured(show, file_of(model), asked, opening, seed, made.workspace, command, workers)
    except BadInput as error:
        if asked == question:
            raise
        made.notes.append(f"No scores: {why_not(error)}.")


# The files

def write(folder: Path, made: Making, seed: int, key: str) -> None:
    write_model(folder, made)
    images = sample(folder, made)
    write_contact_sheet(folder / SAMPLES, images)
    write_pages(folder, made)
    if made.found and made.found.analysis and not write_failures(
            folder / FAILURES, made.found.analysis, made.found.samples):
        made.notes.append("No failure gallery: no images were found to be unrealistic.")
    if not made.wish.no_mark:
        for path in sorted(folder.glob("*.png")):
            mark(path, made.origin)
    write_citation(folder, made)
    said = described(folder, made, images, seed, key)
    write_results(folder, made, said)
    numbers = evaluation(said) | {
        "title": made.title, "licences": asdict(said.licences), "notes": [*made.notes, *made.hints]}
    write_text(folder / NUMBERS, as_json(numbers), made)
    write_text(folder / CARD, card(said), made)


def write_space(folder: Path, made: Making, key: str) -> None:
    """The latent page, or a program beside the weights.  BadInput: a page cannot compute this model."""
    wish = made.wish
    if wish.space == "static":
        write_text(folder / "index.html", latent_page(made), made)
    elif made.spec.family == PIPELINE:
        raise BadInput("unpublishable-model",
                       f"{made.spec.name} is a pipeline of diffusers, expected one of the families "
                       f"{', '.join(sorted(GENERATORS))} for a Space of ganbench.")
    else:
        write_model(folder, made)
        for name, text in space_program(made.title).items():
            write_text(folder / name, text, made)
    said = {"title": made.title, "licences": asdict(made.licences), "notes": made.notes,
            "model_digest": identity(made.spec), "ganbench": version("ganbench"), "key": key}
    write_text(folder / NUMBERS, as_json(said), made)
    write_text(folder / CARD, space_card(wish.space, made.title, made.repo, wish.licence), made)


def write_text(path: Path, text: str, made: Making) -> None:
    path.parent.mkdir(exist_ok=True)
    clean = without_places(text, made.names)
    atomic_write(path, lambda partial: partial.write_text(clean, "utf-8"))


def write_model(folder: Path, made: Making) -> None:
    """Weights and what they belong to."""
    spec = made.spec
    if spec.family == PIPELINE:
        place = hub.place(spec.weights)
        for path in sorted(place.rglob("*")):
            name = path.relative_to(place)
            if path.is_file() and path.suffix in pipeline.READ and name.as_posix() not in (CARD, SUMS, NUMBERS):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, folder / name)
        return
    model = Pretrained(spec.family, dict(spec.arguments), spec.output_range, made.classes, spec.latent,
                       spec.class_shares, spec.resize, spec.pad, spec.crop)
    model.generator.load_state_dict(made.generator.state_dict())        # type: ignore[attr-defined]
    model.save_pretrained(folder)
    (folder / CARD).unlink(missing_ok=True)                             # the mixin's own


def sample(folder: Path, made: Making) -> np.ndarray:
    """The first images of seed 0, drawn by what was written; (n, C, H, W) uint8."""
    if made.spec.family == PIPELINE:
        found: np.ndarray = draw(made.generator, made.spec, 0, 0, SHOWN)["images"]
        return found
    return Pretrained.from_pretrained(folder).images(SHOWN)


def write_pages(folder: Path, made: Making) -> None:
    """The report, and the page of the latent space."""
    if made.found:
        write_text(folder / REPORT, made.found.report, made)
    try:
        write_text(folder / EXPLORE, latent_page(made), made)
    except BadInput as error:
        made.notes.append(f"No latent page: {why_not(error)}.")


def latent_page(made: Making) -> str:
    """BadInput: a page cannot compute this model."""
    spec = replace(made.spec, preprocessing=())
    named = Named(Explored(made.generator, spec, made.workspace.device, made.classes), f"hf:{made.repo}")
    return exported([named], version("ganbench"))


def write_citation(folder: Path, made: Making) -> None:
    if not made.wish.author:
        made.hints.append("No CITATION.cff: name who made the model with --author.")
        return
    url = f"https://huggingface.co/{made.wish.repo}" if made.wish.repo else ""
    text = citation(made.title, made.wish.author, made.wish.licence, url=url, paper=architecture(made.spec)[1])
    write_text(folder / CITATION, text, made)


def write_results(folder: Path, made: Making, said: Described) -> None:
    """`.eval_results/`, of a benchmark that the user names."""
    if made.wish.benchmark:
        name, text = eval_results(benchmark_of(made.wish.benchmark), said.scores)
        write_text(folder / name, text, made)


# What the card says

def described(folder: Path, made: Making, images: np.ndarray, seed: int, key: str) -> Described:
    spec, found = made.spec, made.found
    what, paper = architecture(spec)
    channels, height, width = images.shape[1:]
    return Described(
        title=made.title, repo=made.repo, model=spec.name, family=spec.family, what=what, paper=paper,
        parameters=parameters_of(made.generator), shape=(channels, height, width), classes=made.classes,
        n_classes=made.generator.n_classes, data=made.wish.training_data or named_data(made.data),
        training=training_of(made),
        licences=made.licences, digest=identity(spec),
        weights=file_digest(folder / WEIGHTS) if (folder / WEIGHTS).is_file() else "", grid=grid_digest(images),
        made_on=machine_said(), scores=found.scores if found else (), seed=seed,
        findings=findings_of(found), limits=limits_of(made, (height, width)), version=version("ganbench"),
        files=[path.name for path in folder.iterdir()] + [NUMBERS], key=key,
        options=options_of(spec),
    )


def architecture(spec: CompleteSpec) -> tuple[str, str]:
    """What it is, and its paper."""
    if spec.family == PIPELINE:
        return "a pipeline of diffusers", ""
    return GENERATORS[spec.family].what, GENERATORS[spec.family].paper


def options_of(spec: CompleteSpec) -> dict[str, Any]:
    """What a pipeline is called with, besides what it has by itself."""
    known = pipeline.ARGUMENTS if spec.family == PIPELINE else {}
    return {known[name]: value for name, value in spec.arguments.items() if name in known}


def parameters_of(generator: Any) -> int:
    inner = getattr(generator, "pipeline", None)
    modules = [part for part in inner.components.values() if hasattr(part, "parameters")] if inner else [generator]
    return sum(weight.numel() for module in modules for weight in module.parameters())


def training_of(made: Making) -> dict[str, str]:
    """What the model's file says of its training."""
    facts = about(Path(made.spec.weights).with_suffix(".toml"))
    return {name: str(facts[name]) for name in ("what", "recipe", "steps", "seed") if name in facts}


def named_data(data: str) -> str:
    return Path(data).name if is_place(data) and data not in DATASETS else data


def findings_of(found: Measured | None) -> list[tuple[str, str]]:
    rows = found.analysis.findings if found and found.analysis else ()
    return [(row.severity, sentence(row)) for row in rows]


def limits_of(made: Making, size: tuple[int, int]) -> list[str]:
    data = made.wish.training_data or named_data(made.data)
    learnt = f"It has learnt {data}, and draws nothing else" if data else "It draws only what it has learnt"
    said = [f"{learnt}: images of {size[1]}x{size[0]} pixels."]
    said += [caution(caveat) if caveat.rule in OF_OTHERS else f"`{score.metric}`: {caution(caveat)}"
             for score in (made.found.scores if made.found else ()) for caveat in score.caveats]
    return [f"{text[:1].upper() if text[1:2].islower() else text[:1]}{text[1:].rstrip('.')}."
            for text in dict.fromkeys([*said, *made.notes])]


def machine_said() -> str:
    return f"torch {version('torch')}, numpy {version('numpy')}, onnxruntime {version('onnxruntime')}, " \
           f"{platform.machine()}, CPU"


def slug(text: str) -> str:
    """As the Hub names repositories."""
    return re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII)
