"""How a training run's quality went: scores of every snapshot, one row each, as CSV.

    python benchmarks/snapshots.py RECIPE FOLDER [--n N] [--home DIR] > quality.csv

FOLDER is what `ganbench train RECIPE` wrote (step-<n>.safetensors).  Everything is cached, so a later call only adds
new snapshots.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ganbench import ModelSpec, Workspace, evaluate
from ganbench.gan.protocols import PROTOCOLS, with_count
from ganbench.gan.recipes import RECIPES
from ganbench.gan.types import Protocol

METRICS = (
    "fd_efficientnet_lite0", "kid_efficientnet_lite0", "coverage_efficientnet_lite0", "fd_judge", "kid_judge",
    "is_judge", "accuracy_judge",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=sorted(name for name, row in RECIPES.items() if row.family))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int)
    parser.add_argument("--home", default="~/.ganbench")
    parser.add_argument("--workers", type=int)
    given = parser.parse_args()
    recipe, protocol = RECIPES[given.recipe], with_count(protocol_of(given.recipe), given.n)
    names: list[str] = []
    for path in sorted(given.folder.glob("step-*.safetensors"), key=step_of):
        spec = ModelSpec(path.stem, recipe.family, arguments=recipe.arguments, weights=str(path.absolute()))
        scores = evaluate(spec, protocol, workspace=Workspace(given.home), workers=given.workers)
        found = {score.metric: (score.value, score.se) for score in scores}
        if not names:
            names = [name for name in METRICS if name in found]
            print(",".join(["step", *(f"{name}{suffix}" for name in names for suffix in ("", ".se"))]))
        print(",".join([str(step_of(path)), *(f"{value:.6g}" for name in names for value in found[name])]), flush=True)


def protocol_of(recipe: str) -> Protocol:
    """The one whose reference is the test split of the recipe's data, with the fewest images."""
    data = RECIPES[recipe].data.partition(":")[0]
    return min((row for row in PROTOCOLS.values() if row.reference.startswith(data + ":") and "embedded" in row.name),
               key=lambda row: row.n_generated)


def step_of(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))


if __name__ == "__main__":
    main()
