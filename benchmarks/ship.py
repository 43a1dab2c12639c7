"""Put a training run into the zoo: python benchmarks/ship.py RECIPE FOLDER NAME=STEP ... [--home DIR]

For each NAME the snapshot of that step as NAME.safetensors with its model file NAME.toml; for the recipe its losses
(RECIPE.csv) and the quality of all snapshots (RECIPE-quality.csv).  Then `cards.py` writes the card.

Other snapshots than the last are stored in float16, which is half as large; models compute in float32 all the same.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from ganbench import ModelSpec
from ganbench.gan.drawing import draw
from ganbench.gan.files import file_digest
from ganbench.gan.models.loading import load
from ganbench.gan.models.names import ZOO
from ganbench.gan.models.toml_file import write_spec
from ganbench.gan.recipes import RECIPES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=sorted(RECIPES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("rungs", nargs="+", metavar="NAME=STEP")
    parser.add_argument("--home", default="~/.ganbench")
    given = parser.parse_args()
    for rung in given.rungs:
        name, _, step = rung.partition("=")
        ship(given.recipe, load_file(given.folder / f"step-{step}.safetensors"), name, int(step))
    head, *rows = (given.folder / "loss.csv").read_text().splitlines()
    rows = [row for row in rows if int(row.partition(",")[0]) <= RECIPES[given.recipe].schedule.steps]
    (ZOO / f"{given.recipe}.csv").write_text("\n".join([head, *rows]) + "\n")
    snapshots = [sys.executable, str(Path(__file__).with_name("snapshots.py"))]
    quality = subprocess.run([*snapshots, given.recipe, str(given.folder), "--home", given.home, "--workers", "1"],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
    (ZOO / f"{given.recipe}-quality.csv").write_text(quality)


def ship(recipe: str, weights: dict[str, Tensor], name: str, step: int) -> None:
    """Weights and model file of one rung."""
    if step < RECIPES[recipe].schedule.steps:
        weights = {key: value.half() if value.is_floating_point() else value for key, value in weights.items()}
    row, data = RECIPES[recipe], RECIPES[recipe].data.partition(":")[0]
    place = ZOO / f"{name}.safetensors"
    save_file(weights, place)
    about = {"what": f"{recipe} after {step:,} steps", "data": data, "card": f"{recipe}.md"}
    spec = ModelSpec(name, row.family, arguments=dict(row.arguments), weights=str(place))
    channels, _, resolution = draw(load(spec), spec, 0, 0, 1)["images"].shape[1:]
    spec = replace(spec, weights=place.name, sha256=file_digest(place), channels=channels, resolution=resolution)
    lines = [f'{key} = "{value}"' for key, value in about.items()]
    (ZOO / f"{name}.toml").write_text("\n".join([write_spec(spec) + "\n[about]", *lines]) + "\n")


if __name__ == "__main__":
    main()
