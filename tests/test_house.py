"""The rules of the house: who may import whom, who may speak, and that every table says what is true."""

import ast
import inspect
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ganbench.gan.codes import CODES
from ganbench.gan.datasets import DATASETS
from ganbench.gan.features import EXTRACTORS
from ganbench.gan.generators import GENERATORS
from ganbench.gan.measure import NEEDS
from ganbench.gan.metrics import METRICS
from ganbench.gan.models.identity import IMAGES
from ganbench.gan.models.names import ZOO, zoo_models
from ganbench.gan.protocols import CONVENTIONS, PROTOCOLS
from ganbench.gan.recipes import RECIPES
from ganbench.gan.sources import STAGES
from tests.refusals import is_sentence

ROOT = Path(__file__).parent.parent
REFUSALS = ("BadInput", "BadOutput")
HEAVY = ("prefect", "mlflow", "gradio")


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def nodes(path: Path):
    return ast.walk(ast.parse(path.read_text("utf-8")))


def modules_after(run_python, statement: str) -> set[str]:
    """The top-level modules that a fresh process has loaded after a statement, and of ours `ganbench.<folder>`."""
    done = run_python("-c", f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))")
    assert done.returncode == 0, done.stderr
    return {top(name) for name in json.loads(done.stdout.splitlines()[-1])}


def top(module: str) -> str:
    """`torch` of `torch.nn.init`, `ganbench.gan` of `ganbench.gan.types`."""
    return ".".join(module.split(".")[: 2 if module.startswith("ganbench.") else 1])


# Imports


def test_the_library_pulls_in_neither_prefect_nor_mlflow(run_python):
    loaded = modules_after(run_python, "from ganbench import evaluate")
    assert "torch" in loaded
    assert not loaded & {*HEAVY, "ganbench.tasks", "ganbench.flows", "pydantic_settings", "typer"}


def test_help_loads_nothing_heavy(run_python):
    ask = (
        "import sys\nfrom ganbench.flows.cli import main\nsys.argv = ['ganbench', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    )
    assert not modules_after(run_python, ask) & {*HEAVY, "torch", "numpy", "pandas", "scipy", "pyarrow", "sqlalchemy"}


def test_the_contract_of_imports_holds():
    command = Path(sys.executable).parent / "lint-imports"
    if not command.exists():
        pytest.skip("import-linter is a development tool")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3_000:]


def imported(path: Path) -> set[str]:
    """Top-level names of all imports in a file, those inside functions too; of ours `ganbench.<folder>`."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} if "." in node.module else {f"{node.module}.{alias.name}" for alias in node.names}
    return {top(name) for name in found}


def test_what_no_test_runs_imports_names_that_exist():
    """Benchmarks and scripts of the documents."""
    for path in sources("benchmarks", "docs"):
        for node in nodes(path):
            place = isinstance(node, ast.ImportFrom) and file_of(node.module or "", path.parent)
            for name in node.names if place else ():
                known = names_in(place) | {one.stem for one in place.parent.glob("*") if place.name == "__init__.py"}
                assert name.name in known, f"{named(path)}: {node.module} has no {name.name}"


def file_of(module: str, beside: Path) -> Path | None:
    """The file of a module of ours or of one in the same folder."""
    base = ROOT if module.startswith("ganbench") else beside
    place = base.joinpath(*module.removeprefix("ganbench").strip(".").split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


def names_in(path: Path) -> set[str]:
    """What the top level of a file defines or imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
    return found


def test_one_room_imports_mlflow():
    for path in sources("gan", "tasks", "flows"):
        assert "mlflow" not in imported(path) or named(path).startswith("tasks/tracking/"), named(path)


def test_the_library_imports_nobody_above_it():
    for path in sources("gan"):
        assert not imported(path) & {"ganbench.tasks", "ganbench.flows", "tests", *HEAVY, "typer", "rich"}, named(path)


# Manners


def environment_users(path: Path) -> bool:
    names = {"environ", "environb", "getenv", "getenvb", "putenv"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names) or (isinstance(node, ast.alias) and node.name in names)
        for node in nodes(path)
    )


def test_one_file_reads_the_environment():
    """flows/cli.py sets the level of Prefect's console, tasks/servers.py what its children and clients see, and
    tasks/guardian.py a mark by which it finds them."""
    users = {named(path) for path in sources("gan", "tasks", "flows") if environment_users(path)}
    assert users == {"tasks/settings.py", "tasks/servers.py", "tasks/guardian.py", "flows/cli.py"}


def test_the_library_neither_prints_nor_silences_warnings_nor_validates_by_assert():
    for path in sources("gan"):
        for node in nodes(path):
            called = node.func if isinstance(node, ast.Call) else None
            assert not (isinstance(called, ast.Name) and called.id in ("print", "input", "breakpoint")), (
                f"{named(path)}:{node.lineno}"
            )
            if isinstance(called, ast.Attribute) and called.attr in ("filterwarnings", "simplefilter"):
                assert node.args[0].value != "ignore", f"{named(path)}:{node.lineno}"


def test_a_stage_names_its_roots_in_one_table_and_the_rest_follows_from_imports():
    """No list of source files is kept by hand: keys ask `source_digest` with a row of STAGES, and what was chosen."""
    used = set()
    for path in sources("gan", "tasks", "flows"):
        for node in nodes(path):
            called = node.func if isinstance(node, ast.Call) else None
            name = getattr(called, "id", getattr(called, "attr", ""))
            if name == "source_digest":
                assert isinstance(node.args[0], ast.Constant), f"{named(path)}:{node.lineno}"
                assert not any(isinstance(more, ast.Constant) for more in node.args[1:]), f"{named(path)}:{node.lineno}"
                used.add(node.args[0].value)
            assert name not in ("getsource", "getsourcefile", "getfile"), f"{named(path)}:{node.lineno}"
    assert used == STAGES.keys()


def test_functions_are_short():
    """STYLE: nine in ten are under about 30 lines."""
    lengths = [
        node.end_lineno - node.lineno + 1
        for path in sources("gan", "tasks", "flows")
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef)
    ]
    assert sorted(lengths)[int(0.9 * len(lengths))] <= 30


def test_every_file_says_what_it_is():
    for path in sources("gan", "tasks", "flows"):
        text = path.read_text("utf-8")
        assert not text or ast.get_docstring(ast.parse(text)), named(path)


def raised_codes() -> list[tuple[str, str | None]]:
    """Where a BadInput or BadOutput is made, and the code that it gets there, if that is written there."""
    return [
        (f"{named(path)}:{node.lineno}", node.args[0].value if isinstance(node.args[0], ast.Constant) else None)
        for path in sources("gan", "tasks", "flows")
        for node in nodes(path)
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in REFUSALS
    ]


def test_what_is_refused_has_a_code_of_the_table_and_every_code_is_used():
    found = raised_codes()
    assert [(site, code) for site, code in found if code not in CODES] == []
    assert {code for _, code in found} == CODES.keys()


def test_no_refusal_begins_with_an_option():
    begun = {f"{named(path)}:{node.lineno}": beginning(node.args[1])
             for path in sources("gan", "tasks", "flows") for node in nodes(path)
             if isinstance(node, ast.Call) and getattr(node.func, "id", "") in REFUSALS and len(node.args) > 1}
    assert len(begun) > 200
    assert [site for site, text in begun.items() if text.startswith("-")] == []


def beginning(node: ast.expr) -> str:
    """The first piece of a text that is written there; '' where it is computed."""
    if isinstance(node, ast.JoinedStr):
        node = node.values[0]
    if isinstance(node, ast.BinOp):
        return beginning(node.left)
    return str(node.value) if isinstance(node, ast.Constant) else ""


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_a_few_words_and_means_one_sentence(code):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", code)
    assert is_sentence(CODES[code])


def test_tests_that_start_servers_are_in_one_folder():
    """`make test-services` looks there alone."""
    marked = [path for path in sources("tests") if "mark.services" in path.read_text("utf-8")]
    assert {path.parent.name for path in marked if path.name != "test_house.py"} == {"services"}


# Tables


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_asks_for_what_is_supplied_and_gets_it_by_name(name):
    row = METRICS[name]
    accepted = inspect.signature(row.compute).parameters
    assert row.name == name
    assert row.needs
    assert set(row.needs) <= NEEDS.keys()
    assert set(row.needs) <= set(accepted)
    settings = [parameter for key, parameter in accepted.items() if key not in row.needs]
    assert all(parameter.default is not inspect.Parameter.empty for parameter in settings)
    assert row.title
    assert row.what
    assert re.search(r"arXiv:\d{4}\.\d{5}", row.paper)


@pytest.mark.parametrize("name", sorted(CONVENTIONS))
def test_every_convention_names_extractors_metrics_and_settings_that_exist(name):
    row = CONVENTIONS[name]
    assert row.name == name
    assert row.matches
    assert row.extractors
    assert set(row.extractors) <= set(EXTRACTORS)
    assert set(row.metrics) <= set(METRICS)
    assert set(row.settings) <= set(row.metrics)
    for metric, settings in row.settings.items():
        assert set(settings) <= set(inspect.signature(METRICS[metric].compute).parameters) - set(METRICS[metric].needs)


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_every_protocol_names_data_that_exist_and_counts_they_have(name):
    row = PROTOCOLS[name]
    assert row.name == name
    assert row.convention == CONVENTIONS[row.convention.name]
    for data, n in ((row.reference, row.n_reference), (row.held_out, row.n_generated)):
        if data:
            source, _, split = data.partition(":")
            assert DATASETS[source].splits[split] >= (n or 2)
    assert row.reference != row.held_out
    assert set(row.extractors) <= set(EXTRACTORS)


@pytest.mark.parametrize("name", sorted(EXTRACTORS))
def test_every_extractor_says_what_it_is_and_whose_weights(name):
    row = EXTRACTORS[name]
    assert row.what
    assert row.weights
    assert row.network
    assert (row.network == "inception-2015") == name.startswith("inception")
    assert (row.d, row.logits) == (2048, 1008) or row.network != "inception-2015"


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_every_family_cites_its_paper(name):
    assert GENERATORS[name].what
    assert re.search(r"arXiv:\d{4}\.\d{5}", GENERATORS[name].paper)


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_every_data_set_has_splits_classes_and_a_licence(name):
    row = DATASETS[name]
    assert row.splits
    assert row.licence
    assert row.source.startswith("https://")
    assert len(set(row.classes)) == len(row.classes)


def test_every_recipe_trains_a_family_on_a_data_set_that_exist():
    for recipe in RECIPES.values():
        source, _, split = recipe.data.partition(":")
        assert split in DATASETS[source].splits
        assert recipe.family in {*GENERATORS, ""}


@pytest.mark.parametrize("spec", zoo_models(), ids=lambda spec: spec.name)
def test_every_zoo_model_is_a_family_with_a_card_and_the_weights_it_names(spec):
    from ganbench.gan.files import file_digest

    about = tomllib.loads((ZOO / f"{spec.name}.toml").read_text())["about"]
    card = (ZOO / about["card"]).read_text()
    if spec.family == IMAGES:                               # the memoriser has data instead of weights
        assert spec.name in card
        return
    assert spec.family in GENERATORS
    assert file_digest(Path(spec.weights)) == spec.sha256
    assert spec.sha256 in card


def test_the_zoo_is_small_enough_to_travel():
    sizes = [file.stat().st_size for file in ZOO.rglob("*") if file.is_file()]
    assert max(sizes) < 10e6
    assert sum(sizes) < 60e6
    assert sum(file.stat().st_size for file in ZOO.iterdir() if file.is_file()) < 40e6      # without the data
