"""How fast this machine is at what takes long in a study, measured for seconds each before the study begins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from ganbench.gan.datasets import DataFolders
from ganbench.gan.features.extract import extractor_of, pace
from ganbench.gan.generators import GENERATORS
from ganbench.gan.metering import seconds_of
from ganbench.gan.models.weights import make_family
from ganbench.gan.question import Question, Training, protocol_of
from ganbench.gan.recipes.choosing import DRAWN, DRAWN_SLOW, SLOW
from ganbench.gan.recipes.planning import plan
from ganbench.gan.recipes.running import Stage, spec_of, train_stage
from ganbench.gan.sampling import generator_of
from ganbench.gan.training.loop import PARTS
from ganbench.gan.types import CompleteSpec, Workspace

Tick = Callable[[str], object]
LEAST = 3.0             # seconds that steps are timed for
FIRST = 2               # steps that are not counted
BEGUN = "10000"         # steps of the training that is begun: no snapshot is due in the first thousand
BATCHES, TIMES = 4, 5   # of images whose features are timed, for each worker, and how often
IMAGES = 16             # that are drawn to time it


@dataclass(frozen=True)
class Kind:
    """Of a kind of baseline: seconds of a step of all its networks together, and of everything that does not depend on
    the steps: drawing and measuring its snapshots."""

    step: float
    fixed: float

    @property
    def image(self) -> float:
        """Seconds to draw an image, from the snapshots' draws, rounded up."""
        return self.fixed / (PARTS + 1) / DRAWN_SLOW


@dataclass(frozen=True)
class Paces:
    """Seconds of an image of the model, of its features, of a pass of the usual classifier, and of each baseline."""

    image: float
    features: float
    kinds: dict[str, Kind]


def paces_of(
    spec: CompleteSpec, shape: tuple[int, int, int], kinds: tuple[str, ...], training: Training, folder: Path,
    workspace: Workspace, workers: int, tick: Tick = lambda what: None,
) -> Paces:
    """`training`: what the baselines learn; `folder`: for what is begun, empty."""
    tick("features")
    extractor = extractor_of(protocol_of(Question(reference="images")).extractors[0], workspace)
    features = median(1 / pace(extractor, shape, workers, BATCHES) for _ in range(TIMES))
    tick(spec.name)
    image = drawn_in(spec, workspace)
    found = {}
    for kind in kinds:
        tick(kind)
        found[kind] = pace_of_kind(kind, training, folder / kind, features, workspace)
    return Paces(image, features, found)


def drawn_in(spec: CompleteSpec, workspace: Workspace) -> float:
    """Fewer of a slow model."""
    model = generator_of(spec, workspace)
    seconds_of(model, spec, 1, workspace.device)            # whatever is made once
    one = seconds_of(model, spec, 1, workspace.device)
    n = max(1, min(IMAGES, int(LEAST / max(one, 1e-6))))
    return seconds_of(model, spec, n, workspace.device) / n if n > 1 else one


def pace_of_kind(kind: str, training: Training, folder: Path, features: float, workspace: Workspace) -> Kind:
    folders = DataFolders.of(workspace)
    stages = plan(kind, replace(training, budget=BEGUN), folder, folders, workspace.device, workspace).stages
    *before, last = stages
    steps = [timed(train_stage(stage, folders, workspace), once=True) for stage in map(shortened, before)]
    steps.append(timed(train_stage(last, folders, workspace)))
    family, n = last.recipe.family, DRAWN_SLOW if last.recipe.family in SLOW else DRAWN
    model = make_family(family, dict(last.recipe.arguments)) if family in GENERATORS else None
    drawn = seconds_of(model, spec_of(last, 0), IMAGES, workspace.device) / IMAGES if model else 0.0
    return Kind(sum(steps), (PARTS + 1) * n * (drawn + features))


def shortened(stage: Stage, steps: int = 12) -> Stage:
    """A stage that the next one needs, ended after some steps."""
    schedule = replace(stage.recipe.schedule, steps=steps, keep_every=steps)
    return replace(stage, recipe=replace(stage.recipe, schedule=schedule, snapshots=(steps,)))


def timed(steps: Iterator[object], once: bool = False) -> float:
    """Median seconds of a step, for LEAST seconds of them; `once`: of all that there are."""
    times, begun = list[float](), time.perf_counter()
    last = begun
    for _ in steps:
        now = time.perf_counter()
        times.append(now - last)
        last = now
        if not once and now - begun > LEAST and len(times) > FIRST:
            break
    return median(times[FIRST:] or times)
