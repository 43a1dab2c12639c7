"""What `ganbench train` is to do: from a name, a recipe file or a folder of a training to its stages.

A recipe file is TOML: `recipe = "r3gan"`, the options of `Training` by name (`data`, `resolution`, `budget`, ...), and
tables [arguments], [schedule] and [settings] with what is to be other than the rule of `own` says.  Every training of a
user's images writes the file that it follows, with all that was decided, into its folder as recipe.toml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from inspect import signature
from pathlib import Path
from typing import Any

import tomli_w

from ganbench.gan.datasets import DataFolders, dataset_names
from ganbench.gan.files import atomic_write
from ganbench.gan.generators import GENERATORS
from ganbench.gan.question import Training
from ganbench.gan.recipes import RECIPES, Recipe
from ganbench.gan.recipes.own import DESIGNS, TOKENIZER, Overrides, designed
from ganbench.gan.recipes.recipe import CRITICS
from ganbench.gan.recipes.running import Stage, stages
from ganbench.gan.recipes.training_set import FEW, LEAST, ReadingOptions, TrainingSet, kept_in, prepare
from ganbench.gan.recipes.transfer import RECIPE, STRATEGIES, check_strategy, fetched, same_data, taken_of
from ganbench.gan.training.adapters import add_adapters
from ganbench.gan.training.loop import Schedule, steps_done
from ganbench.gan.training.matching import Taken
from ganbench.gan.types import BadInput, ModelSpec, Workspace
from ganbench.gan.usercode import read_toml, unknown_field

FILE = RECIPE
IMAGES = "images"                                           # the folder of the images in that of a training
TABLES = ("arguments", "schedule", "settings")
FREE = {"budget", "patience", "threads", "data"}        # may be other ones when a training goes on


@dataclass(frozen=True)
class Plan:
    """A training of a user's images, or of a shipped recipe (without `training`)."""

    name: str
    recipe: str                                             # a row of RECIPES or DESIGNS
    stages: tuple[Stage, ...]
    training: Training | None = None
    taken: Taken | None = None                              # of the model that it begins with

    @property
    def last(self) -> Stage:
        return self.stages[-1]


def plan(
    recipe: str, asked: Training, folder: Path, folders: DataFolders, device: str = "cpu",
    workspace: Workspace | None = None,
) -> Plan:
    """`recipe`: a row of RECIPES or DESIGNS, a recipe file, or the folder of a training that is to go on.

    The images are read, checked and written into the folder; the options win over what a recipe file says.
    """
    if recipe in RECIPES and not asked.data:
        check_shipped(recipe, asked)
        return Plan(recipe, recipe, tuple(stages(recipe, folder, whole(asked.budget, RECIPES[recipe].schedule.steps))))
    named = bool(asked.data)
    name, asked, overrides = read(recipe, asked)
    begun = bool(steps_done(folder) or steps_done(folder / TOKENIZER))
    before = {} if not (folder / FILE).exists() else read_toml(folder / FILE)
    source = source_of(name, asked, folder, workspace or Workspace(), begun)
    side = int(source.resolution or 0) if source else 0
    training_set = (None if named else kept_in(folder / IMAGES)) or training_set_of(
        asked, folder, folders, device, begun, side)
    same = bool(source) and same_data(asked.start, asked.data)
    made = designed(name, asked, training_set, device, overrides, source, same)
    taken = taken_by(made[-1], folder)
    if begun:
        check_same(folder, before, name, asked, overrides)
    write(folder, name, asked, overrides, made[-1])
    found = [Stage(f"{TOKENIZER} of {folder.name}", one, folder / TOKENIZER, training_set, folder / IMAGES)
             for one in made[:-1]]
    return Plan(folder.name, name, (*found, Stage(folder.name, made[-1], folder, training_set, folder / IMAGES,
                                                  asked.patience)), asked, taken)


def source_of(name: str, asked: Training, folder: Path, workspace: Workspace, begun: bool) -> ModelSpec | None:
    """The model that is gone on from, if any."""
    if not asked.start:
        if asked.strategy:
            raise BadInput("conflicting-options",
                           f"The strategy {asked.strategy} needs a model to begin with: --from MODEL.")
        return None
    family = DESIGNS[name].family or RECIPES[DESIGNS[name].like].family
    source = fetched(asked.start, family, folder, workspace, begun)
    check_strategy(asked.strategy or STRATEGIES[0], family in CRITICS, folder)
    return source


def taken_by(recipe: Recipe, folder: Path) -> Taken | None:
    """What its network takes of the model that it begins with; BadInput where adapters have no room."""
    if not recipe.strategy:
        return None
    network: Any = GENERATORS[recipe.family].make(**recipe.arguments)
    taken = taken_of(network, folder, recipe.begun_as)
    if recipe.strategy == "adapter":
        add_adapters(network, seed=0)
    return taken


def default_folder(recipe: str, asked: Training, root: Path) -> Path:
    """Where nobody named a folder: that of a training which is to go on, or one below `root`."""
    return Path(recipe) if (Path(recipe) / FILE).is_file() else root / default_name(recipe, asked)


def default_name(recipe: str, asked: Training) -> str:
    """Of the folder of a training: the recipe and, of the user's images, theirs."""
    name = Path(recipe).stem if recipe.endswith(".toml") else Path(recipe).name
    return f"{name}-{Path(asked.data.replace(':', '-')).stem}" if asked.data else name


def check_shipped(recipe: str, asked: Training) -> None:
    """A shipped model is trained as it was, for longer or shorter."""
    wrong = [row.name for row in fields(asked)
             if row.name not in ("budget",) and getattr(asked, row.name) != row.default]
    if wrong:
        raise BadInput("conflicting-options",
                       f"The recipe {recipe} of a shipped model takes no --{wrong[0].replace('_', '-')}; with --data, "
                       f"or as one of {', '.join(DESIGNS)}, it is a recipe for your images.")


def whole(budget: str, steps: int) -> int:
    """The steps of a shipped recipe, 0 for its own."""
    if budget and not budget.isdigit():
        raise BadInput("unfit-value",
                       f"The value of --budget for a shipped recipe is {budget!r}, expected a number of steps.")
    return int(budget or 0)


def training_set_of(
    asked: Training, folder: Path, folders: DataFolders, device: str, begun: bool, side: int
) -> TrainingSet:
    if not asked.data:
        raise BadInput("no-training-data", "A recipe for your images needs them: --data, a folder, .npz or .parquet.")
    largest = 256 if device.startswith("cuda") else 64
    least = FEW if asked.start else LEAST
    wanted = ReadingOptions(asked.data, asked.resolution, largest, asked.held_out, not asked.no_classes, least,
                            asked.classes, side)
    return prepare(wanted, folders, folder / IMAGES, begun)


# Recipe files

def read(recipe: str, asked: Training) -> tuple[str, Training, Overrides]:
    """The design, the options and what is to be other than the rule."""
    if recipe in RECIPES or recipe in DESIGNS:
        return design_of(recipe), asked, Overrides()
    path = Path(recipe) / FILE if Path(recipe).is_dir() else Path(recipe)
    if path.suffix != ".toml" or not path.is_file():
        raise BadInput("unknown-recipe",
                       f"No recipe {recipe!r}. For your images: {', '.join(DESIGNS)}, a recipe file (.toml) or the "
                       f"folder of a training; of shipped models: {', '.join(sorted(RECIPES))}.")
    values = read_toml(path)
    options = {row.name: row for row in fields(Training)}
    for name, value in values.items():
        check_value(name, value, options, path)
    given = {name: value for name, value in values.items() if name in options}
    if given.get("data"):
        given["data"] = beside(given["data"], path)
    mine = {row.name: getattr(asked, row.name) for row in fields(asked) if getattr(asked, row.name) != row.default}
    tables = {name: values.get(name, {}) for name in TABLES}
    check_tables(tables, design_of(values.get("recipe", "")), path)
    return design_of(values["recipe"]), Training(**given | mine), Overrides(**tables)


def check_value(name: str, value: Any, options: Mapping[str, Any], path: Path) -> None:
    if name not in (*options, *TABLES, "recipe", "about"):
        raise unknown_field(name, [*options, *TABLES, "recipe"], path)
    expected = dict if name in (*TABLES, "about") else str if name == "recipe" else type(options[name].default)
    if type(value) is not expected:
        words = {dict: "a table", str: "a text in quotes", int: "a whole number", bool: "true or false"}
        raise BadInput("unfit-value", f"{path}: {name} is {value!r}, expected {words[expected]}.")


def check_tables(tables: Mapping[str, Mapping[str, Any]], design: str, path: Path) -> None:
    """Arguments of the family and fields of the schedule have known names."""
    family = DESIGNS[design].family or RECIPES[DESIGNS[design].like].family
    known = {"arguments": list(signature(GENERATORS[family].make).parameters),
             "schedule": [row.name for row in fields(Schedule)]}
    for table, names in known.items():
        for name in tables[table]:
            if name not in names:
                raise unknown_field(f"{table}.{name}", [f"{table}.{one}" for one in names], path)


def design_of(recipe: str) -> str:
    """A row of DESIGNS; a shipped recipe stands for its kind."""
    if recipe in DESIGNS:
        return recipe
    kinds = {row.like: name for name, row in reversed(DESIGNS.items())} | {"r3gan-emoji": "r3gan"}
    if recipe not in kinds:
        raise BadInput("unknown-recipe",
                       f"No recipe {recipe!r} for your images. Known: {', '.join(DESIGNS)}.")
    return kinds[recipe]


def beside(data: str, path: Path) -> str:
    """Images that a recipe file names, counted from there."""
    there = path.parent / Path(data).expanduser()
    return str(there.absolute()) if data not in dataset_names() and there.exists() else data


def write(folder: Path, recipe: str, asked: Training, overrides: Overrides, made: Recipe) -> None:
    """What was asked for, which makes it a recipe file, and in [about] what follows from it."""
    given = {name: value for name, value in asdict(asked).items() if name in ("data", "seed") or value}
    if asked.data not in dataset_names() and Path(asked.data).exists():
        given["data"] = str(Path(asked.data).absolute())    # a recipe file's paths are counted from there
    tables = {name: plain(value) for name, value in asdict(overrides).items() if value}
    decided = {"family": made.family, "arguments": made.arguments, "schedule": asdict(made.schedule),
               "settings": made.settings, "hardware": asdict(made.hardware)}
    text = tomli_w.dumps({"recipe": recipe, **given, **tables, "about": plain(decided)})
    atomic_write(folder / FILE, lambda path: path.write_text(text, "utf-8"))


def plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, Sequence) and not isinstance(value, str) else value


def check_same(
    folder: Path, before: Mapping[str, Any], recipe: str, asked: Training, overrides: Overrides
) -> None:
    """A training that has begun goes on as it began, but for its length."""
    if not before:
        return
    defaults = {row.name: row.default for row in fields(Training)} | {table: {} for table in TABLES}
    now = {"recipe": recipe, **asdict(asked), **plain(asdict(overrides))}
    for name, value in now.items():
        then = before.get(name, defaults.get(name))
        if name not in FREE and then != value:
            raise BadInput("another-training",
                           f"{folder} holds a training with {name} = {then!r}, now it is {value!r}: give another "
                           "folder, or the same options.")

