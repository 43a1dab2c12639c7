"""What a model is to be specialised to: images, classes of a set, or one of its clusters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path

import numpy as np

from ganbench.gan.datasets import DATASETS, DataFolders
from ganbench.gan.datasets.classes import are_numbers, in_order
from ganbench.gan.drawing import Tick, silent
from ganbench.gan.evaluate import features_of
from ganbench.gan.generators import GENERATORS
from ganbench.gan.images import write_contact_sheet, write_npz
from ganbench.gan.models.images import open_set
from ganbench.gan.parts import real_part
from ganbench.gan.question import Question, Training, protocol_of
from ganbench.gan.recipes import RECIPES
from ganbench.gan.recipes.own import DESIGNS
from ganbench.gan.recipes.planning import IMAGES
from ganbench.gan.recipes.training_set import HELD_OUT_FILE, LEAST_HELD_OUT, kept_in
from ganbench.gan.recipes.transfer import STRATEGIES, learnt_by
from ganbench.gan.slices import CLUSTERS, by_cluster
from ganbench.gan.types import BadInput, Features, ModelSpec, Workspace

ALWAYS = ("scratch", "finetune")                            # beside whatever is chosen
CHOSEN = "adapter"                                          # where nothing is
BUDGET = "10m"                                              # of each strategy
PROCESS = "process"                                         # the argument by which diffusion models differ


def lead() -> str:
    """The extractor with whose features images are compared: that of any comparison with a user's images."""
    return protocol_of(Question(reference="images")).extractors[0]


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
    model: str, asked: Training, cluster: int, folder: Path, workspace: Workspace, tick: Tick = silent
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
    data = asked.data or known_data(model)
    named = bool(asked.held_out)
    held_out = asked.held_out or (unseen_by(model, data) if not asked.data else "")
    asked = replace(asked, data=data, budget=asked.budget or BUDGET, held_out=held_out)
    if not cluster:
        return Target(asked, f"the classes {asked.classes} of {data}" if asked.classes else data)
    found, others, n = write_cluster(asked, cluster, named, folder, workspace, tick)
    held_out = str(others) if others else held_out if held_out.endswith("%") else ""
    return Target(replace(asked, data=str(found), held_out=held_out),
                  f"cluster {cluster} of {data}, {n:,} images, see {found.with_suffix('.png')}")


def known_data(model: str) -> str:
    data = learnt_by(model)
    if not data:
        raise BadInput("no-training-data",
                       f"It is not known which images {model} has learnt: name those whose classes or clusters are "
                       "meant, --data.")
    return data


def unseen_by(model: str, data: str) -> str:
    """Images of the same kind that the model has not learnt: of a named set its test part, of a training what was held
    out, if its classes have the numbers of the data; '' where there are none."""
    name = data.partition(":")[0]
    if name in DATASETS:
        return f"{name}:test"
    known = kept_in(Path(model) / IMAGES)
    numbered = known and not known.numbers and (not are_numbers(known.classes) or in_order(known.classes))
    return str(Path(model) / IMAGES / HELD_OUT_FILE) if numbered else ""


def write_cluster(
    asked: Training, cluster: int, named: bool, folder: Path, workspace: Workspace, tick: Tick
) -> tuple[Path, Path | None, int]:
    """The images of one of the clusters that `evaluate --by cluster --reference DATA` tells apart, as an .npz with a
    picture beside it; those of the held-out images that belong to it, if enough do; and how many it has.  `named`: by
    the user, so that too few are refused."""
    if not 1 <= cluster <= CLUSTERS:
        raise BadInput("unfit-value", f"The value of --cluster is {cluster}, expected a number from 1 to {CLUSTERS}.")
    others = asked.held_out if asked.held_out and not asked.held_out.endswith("%") else asked.data
    sets = {data: features_in(data, asked.resolution, workspace, tick) for data in (asked.data, others)}
    slicing = by_cluster(sets[others], sets[asked.data])
    rows, away = (np.flatnonzero(which == cluster - 1) for which in (slicing.real, slicing.generated))
    if not len(rows):
        raise BadInput("too-few-images",
                       f"{asked.data} has no cluster {cluster}, only {len(slicing.names)}: it holds too few different "
                       "images.")
    folder.mkdir(parents=True, exist_ok=True)
    path, beyond = folder / f"cluster-{cluster}.npz", folder / f"cluster-{cluster}-held-out.npz"
    folders = DataFolders.of(workspace)
    images = open_set(asked.data, folders, asked.resolution or None).read(rows.tolist())
    write_npz(path, images)
    write_contact_sheet(path.with_suffix(".png"), images[:64])
    if others == asked.data or (len(away) < LEAST_HELD_OUT and not named):
        return path, None, len(rows)
    if len(away) < LEAST_HELD_OUT:
        raise BadInput("too-few-images",
                       f"{others} has {len(away):,} images of cluster {cluster} of {asked.data}, expected at least "
                       f"{LEAST_HELD_OUT} to measure with: give other images to --held-out, or leave it out.")
    write_npz(beyond, open_set(others, folders, asked.resolution or None).read(away.tolist()))
    return path, beyond, len(rows)


def features_in(data: str, resolution: int, workspace: Workspace, tick: Tick) -> Features:
    part = real_part(data, None, workspace, resize=resolution or None)
    return features_of(part, lead(), workspace, 1, tick)
