"""Inspection of model files: their tensors, which architecture these may belong to, and a proposed TOML model file.

Nothing in the file is run; what is inferred from shapes is called a guess.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import signature
from pathlib import Path
from typing import Any

from torch import Tensor

from ganbench.gan.checkpoints import parts, read_checkpoint, read_plain, select_state, state_dicts, without_norms
from ganbench.gan.datasets import DataFolders, is_images
from ganbench.gan.files import atomic_write, digest_at
from ganbench.gan.generators import GENERATORS, export, imagegpt, pipeline
from ganbench.gan.guessing import Guess, general, guesses_of, settings_in
from ganbench.gan.models import hub
from ganbench.gan.models.images import open_set, set_of
from ganbench.gan.models.loading import resolve
from ganbench.gan.models.names import ZOO, check_text, family_of, found_at, images_named
from ganbench.gan.models.toml_file import write_spec
from ganbench.gan.models.weights import fits, part_of_family
from ganbench.gan.pickles import names_in
from ganbench.gan.preprocessing import DEFAULT, steps_of
from ganbench.gan.renaming import KEYS
from ganbench.gan.types import BadInput, ModelSpec, Workspace
from ganbench.gan.usercode import bare
from ganbench.gan.words import caution

NATIVE, PADDED = 28, 32                                     # pixels of Fashion-MNIST's pictures, and as they are read
PLAIN = ("torch.", "collections.", "numpy.", "builtins.")  # what state dicts are made of
GENERATOR_KEYS = KEYS[: KEYS.index("state_dict")]           # names of generators, not of any model
AVERAGES = re.compile(r"ema|averag|avg|shadow|swa", re.I)
FACTORY, PROMPTS = "mymodel:Generator", "prompts.txt"       # placeholders that the user has to replace


@dataclass(frozen=True)
class TensorFacts:
    """A tensor's name, shape and dtype (`float32`)."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Weights:
    """A state dict in a file: where it lies (`ema.generator`; '' is the top), and its tensors in their order."""

    at: str
    tensors: tuple[TensorFacts, ...]

    @property
    def numbers(self) -> int:
        """How many numbers the tensors hold: parameters, and buffers such as running means."""
        return sum(math.prod(tensor.shape) for tensor in self.tensors)


@dataclass(frozen=True)
class Inspection:
    """The contents of a file, and a `ModelSpec` for it; without one `notes` say what is missing."""

    model: str
    kind: str
    sets: tuple[Weights, ...] = ()
    chosen: str = ""                                        # which of the sets is loaded by default
    asks_for: tuple[str, ...] = ()                          # classes and functions that a pickle refers to
    guesses: tuple[Guess, ...] = ()
    spec: ModelSpec | None = None
    notes: tuple[str, ...] = field(default=())
    lines: tuple[Guess, ...] = ()                           # what may be wanted, too: commented out in a model file


def inspect_model(
    model: str, workspace: Workspace | None = None, *, weights_key: str = "", trust_pickle: bool = False
) -> Inspection:
    """Inspect anything that `resolve` takes as MODEL, and weights of an unknown family."""
    workspace = workspace or Workspace()
    if trust_pickle:
        workspace = replace(workspace, trust_pickle=True)
    check_text(model)
    path = Path(model)
    if model.startswith("zoo:") or (path.suffix == ".toml" and path.is_file()):
        return of_spec(model, resolve(model, workspace), workspace)
    found = of_images(model, workspace) if is_images(model) else of_model(model, path, workspace, weights_key)
    return with_padding(found)


def with_padding(found: Inspection) -> Inspection:
    """For the usual generator of Fashion-MNIST's size the line that sets it beside that data set and the zoo."""
    spec = found.spec
    if spec is None or spec.resolution != NATIVE or spec.channels not in (None, 1):
        return found
    why = (f"{NATIVE}x{NATIVE} is padded to {PADDED}x{PADDED} as fashion-mnist is, for its protocols, zoo and judge; "
           f"not for a reference of {NATIVE}x{NATIVE}, such as fashion-mnist-28:test")
    return replace(found, lines=(Guess("pad", PADDED, why),))


def of_images(model: str, workspace: Workspace) -> Inspection:
    """How many, of which sizes, and what of the files is lost; images of unlike sizes get a line that resizes them."""
    guesses: list[Guess] = []
    try:
        spec = resolve(model, workspace)
    except BadInput as error:
        if error.code != "unequal-sizes":
            raise
        side = usual_side(model, workspace)
        guesses = [Guess("resize", f"{side}:{DEFAULT}", "its images have unlike sizes, and this is the usual one")]
        spec = resolve(model, workspace, preprocessing=steps_of(guesses[0].value))
        spec = replace(spec, preprocessing=(), resize=guesses[0].value)
    images = set_of(spec, workspace)
    (channels, height, width), classes = images.shape, len(images.classes)
    said = [f"{images.n:,} images of {channels} channel{'s' * (channels > 1)}, {width}x{height} pixels"]
    said += [f"{classes} classes: {', '.join(images.classes[:6])}{', ...' * (classes > 6)}"] if classes else []
    notes = (*said, *(caution(caveat) for caveat in images.lost))
    return Inspection(model, "images", guesses=tuple(guesses), spec=spec, notes=notes)


def usual_side(model: str, workspace: Workspace) -> int:
    """The shorter side that most of the images have."""
    sizes = open_set(images_named(model, {}).weights, DataFolders.of(workspace), 1).sizes
    sides = Counter[int]()
    for size, count in sizes.items():
        sides[min(size)] += count
    return max(sides, key=lambda side: (sides[side], -side))


def of_model(model: str, path: Path, workspace: Workspace, weights_key: str) -> Inspection:
    """A file or folder of weights, by its kind."""
    spec = found_at(model, path, ZOO, False)
    place = hub.place(spec.weights)
    kind = family_of(place)
    if kind == "pipeline":
        return of_pipeline(model, place, replace(spec, family=kind))
    if kind == "imagegpt":
        return of_imagegpt(model, place, replace(spec, family=kind))
    if kind == "export":
        return of_program(model, place, replace(spec, family=kind))
    if kind == "pickled" and not workspace.trust_pickle:
        return of_pickle(model, place, replace(spec, family=kind))
    return of_weights(model, place, replace(spec, weights_key=weights_key), workspace.trust_pickle)


def of_spec(model: str, spec: ModelSpec, workspace: Workspace) -> Inspection:
    """A model that is already described."""
    if spec.family not in GENERATORS and not (spec.factory and spec.weights):
        return Inspection(model, spec.family or "factory", spec=spec)
    return replace(of_weights(model, hub.place(spec.weights), spec, workspace.trust_pickle), guesses=(), spec=spec)


def of_pipeline(model: str, folder: Path, spec: ModelSpec) -> Inspection:
    components = pipeline.read_index(folder)
    sets = tuple(Weights(name, tuple(facts(read_checkpoint(file))))
                 for name in components for file in sorted((folder / name).glob("*.safetensors")))
    listed = ", ".join(f"{name}: {library}.{kind}" for name, (library, kind) in components.items())
    notes = (f"{pipeline.class_name(folder)} of {listed}",)
    spec, guesses = pipeline.look(spec, folder), []
    if any("tokenizer" in name for name in components):     # prompts belong to the sha256, which is left out therefore
        guesses = [Guess("arguments.prompts", PROMPTS, "it has a tokenizer; write one prompt per line")]
        spec = replace(spec, arguments={"prompts": PROMPTS}, sha256="")
    return Inspection(model, "diffusers pipeline", sets, guesses=tuple(guesses), spec=spec, notes=notes)


def of_imagegpt(model: str, folder: Path, spec: ModelSpec) -> Inspection:
    spec, config = imagegpt.look(spec, folder), imagegpt.read_config(folder)
    sets = tuple(Weights(file.name, tuple(facts(read_checkpoint(file)))) for file in imagegpt.weights_in(folder))
    notes = (f"{config['n_layer']} layers write {spec.resolution} x {spec.resolution} pixels in "
             f"{config['vocab_size'] - 1} colours",)
    return Inspection(model, "ImageGPT of transformers", sets, spec=spec, notes=notes)


def of_program(model: str, path: Path, spec: ModelSpec) -> Inspection:
    """A .pt2 program, which describes its inputs and output."""
    program = export.read_program(path)
    weights = {program.names[name]: value for name, value in program.weights.items()}
    taken = ", ".join(f"{slot.name} {shown(slot.shape)}" for slot in program.inputs)
    notes = [f"takes {taken} and gives {shown(program.output_shape)}"]
    guesses = general()
    spec = replace(spec, layout=layout_of(program.output_shape))
    if len(program.inputs) == 2:
        notes.append("its second input is taken for labels: give n_classes, the number of classes")
        return Inspection(model, "torch.export", (Weights("", tuple(facts(weights))),), notes=tuple(notes))
    return Inspection(model, "torch.export", (Weights("", tuple(facts(weights))),), guesses=tuple(guesses),
                      spec=export.look(spec, path), notes=tuple(notes))


def of_pickle(model: str, path: Path, spec: ModelSpec) -> Inspection:
    """A pickled object or TorchScript program without --trust-pickle: only the names in it are read."""
    notes = ("loading it runs code from the file: only with --trust-pickle",)
    return Inspection(model, "pickled objects", asks_for=tuple(names_in(path)), notes=notes, guesses=tuple(general()),
                      spec=replace(spec, sha256=digest_at(path)))


def of_weights(model: str, path: Path, spec: ModelSpec, trust_pickle: bool) -> Inspection:
    """The state dicts of a file, the one that would be loaded, and what its shapes imply."""
    try:
        content, aside = read_checkpoint(path, trust_pickle), []
    except BadInput:
        content = read_plain(path) if names_in(path) else None
        if content is None and names_in(path):
            return of_pickle(model, path, replace(spec, family="pickled"))
        if content is None:
            raise
        aside = ["beside its weights it holds objects that are left out only with --trust-pickle"]
    sets = tuple(Weights(at, tuple(facts(state))) for at, state in state_dicts(content))
    kind = "safetensors" if path.suffix == ".safetensors" else "torch.save"
    names = () if kind == "safetensors" else tuple(name for name in names_in(path) if not name.startswith(PLAIN))
    keys = [] if spec.weights_key else list(last_of_equals(sets))
    try:
        chosen, state = select_state(content, path, keys[0].value if keys else spec.weights_key)
    except BadInput as error:
        return Inspection(model, kind, sets, asks_for=names, notes=(str(error),))
    state = without_norms(state)
    keys = keys or ([] if spec.weights_key else list(part_guess(chosen, state)))
    if keys:
        chosen, state = select_state(content, path, keys[0].value)
        state = without_norms(state)
    spec = replace(spec, weights_key=chosen, sha256=digest_at(path))
    found, guesses, notes = proposed(spec, state, settings_in(content))
    return Inspection(model, kind, sets, chosen, names, (*keys, *guesses), found, (*aside, *notes))


def facts(state: Mapping[str, Tensor]) -> Iterator[TensorFacts]:
    for name, value in state.items():
        yield TensorFacts(name, tuple(value.shape), str(value.dtype).removeprefix("torch."))


def shown(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("n" if side is None else str(side) for side in shape) + ")"


def layout_of(shape: tuple[int | None, ...]) -> str:
    """NCHW, NHWC, NHW or NC by the number of axes and the place of the channels."""
    if len(shape) == 4:
        return "NHWC" if shape[3] in (1, 3) and shape[1] not in (1, 3) else "NCHW"
    return {3: "NHW", 2: "NC"}.get(len(shape), "NCHW")


# Inference from shapes

def proposed(
    spec: ModelSpec, state: Mapping[str, Tensor], settings: Mapping[str, Any]
) -> tuple[ModelSpec, list[Guess], list[str]]:
    """A spec with the family whose shapes match, or else with a placeholder factory."""
    families = [name for name in GENERATORS if fits(name, state)]
    if families:
        arguments = GENERATORS[families[0]].arguments_of(state)
        guesses = [Guess("family", families[0], "its shapes fit"), *open_in(families[0], spec),
                   *(Guess(f"arguments.{name}", value, "read off the shapes") for name, value in arguments.items())]
        spec = replace(spec, family=families[0], arguments=arguments, channels=arguments.get("channels"),
                       resolution=arguments.get("resolution"))
        return spec, guesses, [f"its shapes fit {name}, too" for name in families[1:]]
    _, found, said = guesses_of(state, settings)
    notes = [f"no family has these shapes: put your own module:callable in the place of {FACTORY}; modules beside this "
             "file are found", *said]
    guesses = [Guess("factory", FACTORY, "to be replaced"), *found]
    return replace(spec, **{guess.field: guess.value for guess in guesses}), guesses, notes


def open_in(family: str, spec: ModelSpec) -> Iterator[Guess]:
    """What the shapes of a family do not say: the noise that it was trained on, and the range of its pictures."""
    takes = signature(GENERATORS[family].make).parameters
    if "latent" in takes:
        yield Guess("latent", spec.latent, "weights do not say it", '"uniform" (in [-1, 1])')
    if "output" in takes:
        yield Guess("output_range", spec.output_range, "usual; weights do not say it",
                    '[0, 1] with output = "sigmoid" under [arguments]')


def last_of_equals(sets: Sequence[Weights]) -> Iterator[Guess]:
    """Of one network's weights several times under unusual names: those called averages, or the last, since averages
    follow what they average."""
    if len(sets) > 1 and not any({*weights.at.split(".")} & {*KEYS} for weights in sets):
        shapes = [[(tensor.name, tensor.shape) for tensor in weights.tensors] for weights in sets]
        if all(shape == shapes[0] for shape in shapes):
            averages = [weights for weights in sets if AVERAGES.search(weights.at)]
            chosen = (averages or [*sets])[-1]
            others = ", ".join(weights.at or "the top level" for weights in sets if weights is not chosen)
            why = "called averaged weights" if averages else "the last of several sets of equal shapes"
            yield Guess("weights_key", chosen.at, why, others)


def part_guess(at: str, state: Mapping[str, Tensor]) -> Iterator[Guess]:
    """The generator's part of a state dict that also holds a discriminator, as Lightning's do."""
    found = [part for part, _ in parts(state)]
    known = [part for part in found if part in GENERATOR_KEYS]
    part = next(filter(None, (part_of_family(family, state) for family in GENERATORS)), known[0] if known else "")
    if part and (len(found) > 1 or part not in known):
        others = ", ".join(name for name in found if name != part) or "nothing else"
        yield Guess("weights_key", f"{at}.{part}".lstrip("."), f"tensors of {part} beside {others}")


# TOML

def toml_of(found: Inspection, folder: Path | None = None) -> str:
    """The proposed model file; guesses say so beside their fields.  Weights below `folder` are named from there."""
    if found.spec is None:
        reasons = "; ".join(note.rstrip(".") for note in found.notes)
        raise BadInput("no-model-file", f"No model file for {found.model}: {reasons or 'it holds no weights'}.")
    spec = found.spec
    if folder is not None and Path(spec.weights).is_relative_to(folder.absolute()):
        spec = replace(spec, weights=str(Path(spec.weights).relative_to(folder.absolute())))
    if folder is not None and spec.factory.startswith(f"{folder.absolute()}/"):
        spec = replace(spec, factory=bare(spec.factory))
    said = {guess.field: comment(guess) for guess in found.guesses}
    for name in ("channels", "resolution"):                 # a family's follow from its arguments
        if f"arguments.{name}" in said:
            said.setdefault(name, said[f"arguments.{name}"])
    table, lines = "", []
    for line in complete_lines(spec, said):
        table = f"{line.strip('[]')}." if line.startswith("[") else table
        name = table + line.partition(" = ")[0]
        lines.append(f"{line}  # {said[name]}" if name in said else line)
    notes = [f"# {note}" for note in found.notes]
    wanted = [f"# {guess.field} = {guess.value!r}  # if wanted: {guess.why}" for guess in found.lines]
    return "\n".join([*notes, *wanted, *lines]) + "\n"


def comment(guess: Guess) -> str:
    return f"guessed: {guess.why}" + f"; or {guess.instead}" * bool(guess.instead)


def complete_lines(spec: ModelSpec, fields: Collection[str]) -> list[str]:
    """The lines of a model file, lists of numbers in one line, with these fields even where they have their defaults.
    """
    text = re.sub(r"\[\n([^\[\]\"]*?),?\n\]", lambda found: f"[{' '.join(found[1].split())}]", write_spec(spec))
    lines = text.splitlines()
    end = next((k for k, line in enumerate(lines) if line.startswith("[")), len(lines))
    there = {line.partition(" = ")[0] for line in lines[:end]}
    values = {name: getattr(spec, name) for name in fields if "." not in name and name not in there}
    more = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    return [*lines[:end], *more, *[""] * bool(more and end < len(lines)), *lines[end:]]


def save_toml(found: Inspection, path: Path) -> None:
    """`toml_of` in a file, which appears whole."""
    text = toml_of(found, path.parent)
    atomic_write(path, lambda partial: partial.write_text(text, "utf-8"))
