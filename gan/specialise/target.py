"""What a model is to be specialised to: images, classes of a set, or one of its clusters."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path

import numpy as np

from ganbench.gan.datasets import DATASETS, DataFolders
from ganbench.gan.evaluate import features_of
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.generators import GENERATORS
from ganbench.gan.images import write_contact_sheet, write_npz
from ganbench.gan.models.images import open_set
from ganbench.gan.models.names import ZOO
from ganbench.gan.parts import real_part
from ganbench.gan.question import Question, Training, protocol_of
from ganbench.gan.recipes import RECIPES
from ganbench.gan.recipes.own import DESIGNS
from ganbench.gan.recipes.planning import FILE, beside
from ganbench.gan.recipes.transfer import STRATEGIES
from ganbench.gan.slices import CLUSTERS, by_cluster
from ganbench.gan.types import BadInput, ModelSpec, Workspace

ALWAYS = ("scratch", "finetune")                            # beside whatever is chosen
CHOSEN = "adapter"                                          # where nothing is
BUDGET = "10m"                                              # of each strategy
PROCESS = "process"                                         # the argument by which diffusion models differ

Tick = Callable[[int], object]


def lead_of(reference: str) -> str:
    """The extractor with whose features images are compared."""
    return protocol_of(Question(reference=reference)).extractors[0]


def strategies_of(asked: str) -> list[str]:
    """Those that are run: ALWAYS, then the chosen ones."""
    names = [name.strip() for name in (asked or CHOSEN).split(",")]
    for name in names:
        if name not in STRATEGIES:
            raise BadInput("unknown-choice",
                           f"The value of --strategy is {asked!r}, expected some of {', '.join(STRATEGIES)}.")
    return list(dict.fromkeys([*ALWAYS, *names]))


def design_of(model: str, spec: ModelSpec) -> str:
    """The recipe by which such a model goes on."""
    for name, design in DESIGNS.items():
        if spec.family == (design.family or RECIPES[design.like].family) and is_process(name, spec):
            return name
    what = f"is of the family {spec.family}" if spec.family else "is made by a factory"
    raise BadInput("conflicting-options",
                   f"{model} {what}, which has no recipe to go on by; expected a model like those of "
                   f"{', '.join(DESIGNS)}.")


def is_process(name: str, spec: ModelSpec) -> bool:
    """U-Nets of one family differ in their process; of another family any design is the right one."""
    if spec.family != "diffusion":
        return True
    default = signature(GENERATORS["diffusion"].make).parameters[PROCESS].default
    return bool(name == spec.arguments.get(PROCESS, default))


@dataclass(frozen=True)
class Target:
    """The options of the trainings, and what they learn, in words."""

    training: Training
    what: str


def target_of(
    model: str, asked: Training, cluster: int, folder: Path, workspace: Workspace, tick: Tick = lambda n: None
) -> Target:
    """Images that the user names, or classes or a cluster of them, or of the data that the model has learnt."""
    if asked.start:
        raise BadInput("conflicting-options", f"The model to begin with is {model}: leave --from out.")
    if cluster and asked.classes:
        raise BadInput("conflicting-options",
                       "The options --classes and --cluster exclude each other: give one of them.")
    if not (asked.data or cluster or asked.classes):
        raise BadInput("no-training-data",
                       "Nothing was named to specialise to: give --data with images, or --classes or --cluster of the "
                       "data that the model has learnt.")
    data = asked.data or learnt_by(model)
    budget = asked.budget or BUDGET
    if not cluster:
        what = f"the classes {asked.classes} of {data}" if asked.classes else data
        return Target(replace(asked, data=data, budget=budget), what)
    found, n = write_cluster(data, cluster, folder, workspace, tick)
    return Target(replace(asked, data=str(found), budget=budget),
                  f"cluster {cluster} of {data}, {n:,} images, see {found.with_suffix('.png')}")


def learnt_by(model: str) -> str:
    """The data of a model of the zoo, of a model file of a training, or of its folder."""
    place = ZOO / f"{model.removeprefix('zoo:')}.toml" if model.startswith("zoo:") else Path(model)
    path = place / FILE if place.is_dir() else place
    known = tomllib.loads(path.read_text("utf-8")) if path.suffix == ".toml" and path.is_file() else {}
    data = str(known.get("data") or known.get("about", {}).get("data", ""))
    if data:
        return f"{data}:train" if data in DATASETS else beside(data, path)
    raise BadInput("no-training-data",
                   f"It is not known which images {model} has learnt: name those whose classes or clusters are meant, "
                   "--data.")


def write_cluster(
    data: str, cluster: int, folder: Path, workspace: Workspace, tick: Tick
) -> tuple[Path, int]:
    """The images of one of the clusters that `evaluate --by cluster --reference DATA` tells apart, as an .npz with a
    picture beside it."""
    if not 1 <= cluster <= CLUSTERS:
        raise BadInput("unfit-value", f"The value of --cluster is {cluster}, expected a number from 1 to {CLUSTERS}.")
    part = real_part(data, None, workspace)
    features = features_of(part, extractor_of(lead_of(data), workspace).name, workspace, 1, tick)
    slicing = by_cluster(features, features)
    rows = np.flatnonzero(slicing.real == cluster - 1)
    images = open_set(data, DataFolders.of(workspace)).read(rows.tolist())
    path = folder / f"cluster-{cluster}.npz"
    write_npz(path, images)
    write_contact_sheet(path.with_suffix(".png"), images[:64])
    return path, len(rows)
