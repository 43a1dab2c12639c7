"""Control by class, for every class of models of the zoo: what the judge confirms, variety and cost of every method.

    python benchmarks/condition.py [MODEL ...] [--classes dress boot]
    python benchmarks/condition.py --without [--classes dress boot]

prints the tables of docs/control.md.  Guide and judge are those of `ganbench condition`.  With `--without` a model with
classes is never asked for the class that is looked for, in turn for each class: every "reachable" is a false one.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from machine import measuring

from ganbench.gan.conditioning.classes import real_images
from ganbench.gan.conditioning.classifiers import ImageClassifier
from ganbench.gan.conditioning.control import Conditioned, Limits, condition, guide_of, judge_of
from ganbench.gan.conditioning.methods import METHODS, methods_for
from ganbench.gan.conditioning.source import Source
from ganbench.gan.datasets import DataFolders
from ganbench.gan.datasets.base import ImageSet
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.models.loading import resolve
from ganbench.gan.sampling import generator_of
from ganbench.gan.threads import single_threaded
from ganbench.tasks.settings import configure, workspace_of

MODELS = ("r3gan-fashion-mnist", "dcgan-fashion-mnist", "collapsed-fashion-mnist")
DELETED = ("wgan-gp-fashion-mnist",)                # of the models with classes the fastest
LIMITS = Limits(64, 5_000)
HEAD = ("class", "judge on real, impostors", "verdict")


@dataclass(frozen=True, eq=False)
class Once(ImageClassifier):
    """Looks at a set once."""

    seen: dict[str, np.ndarray] = field(default_factory=dict)

    def of_set(self, images: ImageSet, tick: Any = None) -> np.ndarray:
        if images.digest not in self.seen:
            self.seen[images.digest] = super().of_set(images)
        return self.seen[images.digest]


def quiet(*progress: object) -> None:
    """No bars."""


def once(classifier: ImageClassifier) -> Once:
    return Once(classifier.name, classifier.extractor, classifier.array, classifier.slope)


def row_of(name: str, found: Conditioned) -> str:
    """A class: the judge's shares of real images and of impostors, the verdict, and of each method how many images were
    confirmed of those that it found, and how varied they are beside rejection's."""
    bench = found.bench
    cells = [f"{name}", f"{bench.confirmed.value:.0%}, {bench.impostors.value:.0%}", found.verdict.state]
    for row in found.judged:
        beside = "" if row.beside_rejection is None else f" ({row.beside_rejection:.0%})"
        mark = "**" if row.method == found.verdict.method else ""
        cells.append(f"{mark}{row.confirmed.count}/{row.confirmed.n}{mark}{beside}")
    return f"| {' | '.join(cells)} |"


def costs_of(several: list[Conditioned], methods: list[str]) -> str:
    """Medians over the classes, of those that a method found something of."""
    cells = []
    for method in methods:
        found = [one for one, _ in (known.of(method) for known in several) if len(one)]
        each = [(one.decodes / len(one), one.seconds / len(one)) for one in found] or [(0.0, 0.0)]
        decodes, seconds = np.median(each, axis=0)
        cells.append(f"{decodes:.1f}, {seconds:.3f} s")
    return f"| decoded, seconds for each | | | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Control by class")
    parser.add_argument("models", nargs="*")
    parser.add_argument("--without", action="store_true")
    parser.add_argument("--classes", nargs="*", default=[])
    given = parser.parse_args()
    measure(given.models or list(DELETED if given.without else MODELS), given.without, given.classes)


def measure(models: list[str], deleted: bool, classes: list[str]) -> None:
    configure()
    workspace = workspace_of()
    real = real_images("", (1, 32, 32), DataFolders.of(workspace), "zoo")
    with measuring(f"Control by class: {LIMITS.n} images, {LIMITS.draws:,} draws, seed 0", "torch"), single_threaded():
        guide = once(guide_of("", real, workspace, quiet))
        judge = once(judge_of("", real, workspace, quiet))
        eyes = extractor_of("efficientnet_lite0", workspace)
        for model in models:
            spec = resolve(f"zoo:{model}", workspace)
            source = Source(generator_of(spec, workspace), spec)
            methods = methods_for(source, guide, ",".join(list(METHODS)[1:]) if deleted else "")
            print(f"\n`zoo:{model}`{', without the class' * deleted}:\n\n| {' | '.join([*HEAD, *methods])} |\n"
                  f"{'|---' * 3}{'|---:' * len(methods)}|")
            several = []
            for number, name in enumerate(real.names):
                if classes and name not in classes:
                    continue
                if deleted:
                    lacking(source, number)
                several.append(
                    condition(source, guide, lambda: judge, eyes, real, number, methods, LIMITS, quiet))
                print(row_of(name, several[-1]), flush=True)
            print(costs_of(several, methods))


def lacking(source: Source, number: int) -> None:
    """Of all classes but this one equally often."""
    classes = source.generator.n_classes
    vars(source.generator)["class_shares"] = tuple((k != number) / (classes - 1) for k in range(classes))


if __name__ == "__main__":
    main()
