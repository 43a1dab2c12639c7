"""Documents cannot lie: links lead somewhere, named functions exist, listings run, generated pages are up to date,
words are spelt as everywhere, and the site that `make docs` builds asks nobody for anything."""

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ganbench.gan.codes import CODES
from ganbench.gan.features import EXTRACTORS
from ganbench.gan.generators import GENERATORS
from ganbench.gan.measure import makers_of
from ganbench.gan.metrics import METRICS
from ganbench.gan.sources import HERE, STAGES

ROOT = Path(__file__).parent.parent
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md",
         *sorted((ROOT / "gan" / "zoo").glob("*.md")), ROOT / "benchmarks" / "RESULTS.md"]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FUNCTION = re.compile(r"\[`(?!\w+\.py`)([\w.]+)`\]\(([^)#\s]+\.py)\)")      # [`module.function`](../gan/module.py)
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
INDEX = "gan/metrics/__init__.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file(page):
    text = FENCED.sub("", page.read_text("utf-8"))
    for target in LINK.findall(text):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            place = page.parent / path if path else page
            assert place.exists(), f"{page.name} links to {target}, which is not there."
            if anchor and place.suffix == ".md":
                assert anchor in anchors(place), f"{page.name} links to {target}, which has no such heading."
        else:
            assert re.fullmatch(r"(https?://[\w.-]+\.[a-z]+(:\d+)?(/[^\s()]*)?|mailto:\S+@\S+)", target), target


def anchors(page: Path) -> set[str]:
    """Of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_function_with_a_link_is_in_the_linked_file(page):
    for name, path in FUNCTION.findall(page.read_text("utf-8")):
        *module, function = name.split(".")
        source = (page.parent / path).resolve()
        assert function in names_in(source), f"{page.name} says that {function} is in {path}."
        assert module in ([], [source.stem]), f"{page.name} calls {path} {module[0]}."


def names_in(source: Path) -> set[str]:
    """Functions, classes and constants of a module."""
    body = ast.parse(source.read_text("utf-8")).body
    assigned = {node.id for row in body if isinstance(row, ast.Assign | ast.AnnAssign)
                for node in ast.walk(row) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return assigned | {row.name for row in body if isinstance(row, ast.FunctionDef | ast.ClassDef)}


def test_the_path_of_a_fid_names_its_functions():
    assert len(FUNCTION.findall((ROOT / "docs" / "path-of-a-fid.md").read_text("utf-8"))) > 25


def test_the_index_lists_every_page():
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"} <= set(LINK.findall(index))


def test_what_an_edit_recomputes_is_as_the_path_of_a_fid_says():
    def scores_that_follow(module: str) -> set[str]:
        return {name for name, row in METRICS.items() if module in HERE.closure(*STAGES["scores"], *makers_of(row))}

    drawing = HERE.closure(*STAGES["samples"], GENERATORS["dcgan"].make.__module__)
    assert {"fd", "sfd", "fd_infinity", "mifid"} <= scores_that_follow("metrics.frechet")
    assert {"kid", "is", "precision", "fld"}.isdisjoint(scores_that_follow("metrics.frechet"))
    assert {"metrics.frechet", "statistics"} <= HERE.closure(*STAGES["statistics"])
    assert {"images", "generators.dcgan", "philox"} <= drawing
    assert "generators.r3gan" not in drawing
    everything = HERE.closure(*(module for stage in STAGES.keys() - {"publish"} for module in STAGES[stage]))
    assert {"scoring", "tables", "words"}.isdisjoint(everything)


# Generated pages

def made(name: str, monkeypatch) -> str:
    """What a script of docs/ writes."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.page()


@pytest.mark.parametrize("name", ["api", "reference"])
def test_a_generated_page_is_what_the_program_says(name, monkeypatch):
    assert (ROOT / "docs" / f"{name}.md").read_text("utf-8") == made(f"make_{name}", monkeypatch), (
        f"Run python docs/make_{name}.py.")


def test_the_reference_has_every_command_setting_and_row():
    from ganbench.gan.datasets import DATASETS
    from ganbench.gan.models.names import zoo_models
    from ganbench.gan.protocols import CONVENTIONS, PROTOCOLS
    from ganbench.gan.recipes import RECIPES
    from ganbench.tasks.settings import Settings
    from tests.commands import command_line

    page = (ROOT / "docs" / "reference.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `([^`]+)`", page, re.MULTILINE))
    assert {*METRICS, *EXTRACTORS, *GENERATORS, *CONVENTIONS, *PROTOCOLS, *RECIPES, *CODES} <= rows
    assert {f"{name}:{split}" for name, row in DATASETS.items() for split in row.splits} <= rows
    assert {f"zoo:{spec.name}" for spec in zoo_models()} <= rows
    assert {f"GANBENCH_{name.upper()}" for name in Settings.model_fields} <= rows
    assert set(command_line().commands) <= set(re.findall(r"^### ganbench (\S+)", page, re.MULTILINE))


def test_every_form_of_prefect_is_named():
    names = re.findall(r"^  - name: (\S+)$", (ROOT / "prefect.yaml").read_text("utf-8"), re.MULTILINE)
    text = " ".join((ROOT / "docs" / "running.md").read_text("utf-8").split())
    assert len(names) >= 14
    assert [name for name in names if name not in text] == []


def test_every_setting_says_what_it_is():
    from ganbench.tasks.settings import Settings

    assert all(field.description for field in Settings.model_fields.values())


def test_the_version_is_that_of_the_newest_changes():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)[0] == version


# Words

PROSE = [page for page in PAGES if page.name != "fr.md"]
THEIRS = {"program", "biased",              # British, too
          "artifact", "artifacts",          # MLflow's and Prefect's
          "color", "normalize"}             # in the names of a font and of a function


def test_nothing_is_misspelt():
    command = Path(sys.executable).parent / "codespell"
    if not command.exists():
        pytest.skip("codespell is a development tool")
    done = subprocess.run([command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_british_spelling_is_that_of_all_documents():
    words = pytest.importorskip("codespell_lib")
    table = (Path(words.__file__).parent / "data" / "dictionary_en-GB_to_en-US.txt").read_text("utf-8")
    pairs = [line.partition("->") for line in table.splitlines() if line]
    british = {american.strip().lower(): ours for ours, _, theirs in pairs for american in theirs.split(",")}
    for page in PROSE:
        text = re.sub(r"`[^`]*`|\]\([^)]*\)|https?://\S+", "", FENCED.sub("", page.read_text("utf-8")))
        found = {word for word in re.findall(r"[a-z]+", text.lower()) if word in british} - THEIRS
        assert not found, f"{page.name}: {', '.join(f'{british[word]}, not {word}' for word in found)}"


# Suites

def test_the_suites_of_the_page_are_read(tmp_path, tiny):
    """Each listing that begins with the name of a suite, beside the checkpoints and the folder that it names."""
    from ganbench.gan.nightly.suite import read_suite

    page = (ROOT / "docs" / "nightly.md").read_text("utf-8")
    suites = re.findall(r"```toml\n# (\w+\.toml)\n(.*?)```", page, re.DOTALL)
    assert [name for name, _ in suites] == ["garments.toml", "first.toml"]
    for name, text in suites:
        (tmp_path / "runs" / "mine").mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos").mkdir(exist_ok=True)
        shutil.copy(tiny, tmp_path / "runs" / "mine")
        (tmp_path / name).write_text(text, "utf-8")
        assert "mine" in {model.name for model in read_suite(str(tmp_path / name)).models}


# The site

@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Built as `make docs` builds it; warnings are errors."""
    command = Path(sys.executable).parent / "sphinx-build"
    if not command.exists():
        pytest.skip("Sphinx is of the dependency group docs")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run([command, "-c", "docs", "-d", folder / "trees", "-b", "html", "-W", "--keep-going", "-q", ".",
                           folder / "html"], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    yield folder / "html"
    shutil.rmtree(folder)


def test_the_site_has_every_page_and_begins_with_the_readme(site):
    for page in PAGES:
        assert (site / page.relative_to(ROOT)).with_suffix(".html").is_file()
    assert "You have trained a GAN" in (site / "index.html").read_text("utf-8")


def test_pages_of_the_site_ask_nobody_for_anything(site):
    """Neither scripts, styles, fonts nor pictures come from elsewhere."""
    loads = re.compile(r"<(?:script|link|img|iframe|source)[^>]*(?:src|href)=[\"'](?:https?:)?//"
                       r"|url\([\"']?(?:https?:)?//|@import")
    for file in [*site.rglob("*.html"), *site.rglob("*.css")]:
        assert not loads.search(file.read_text("utf-8")), file.relative_to(site)


# A metric in ten minutes

def listings() -> dict[str, str]:
    """The listings of the page by their first line."""
    blocks = re.findall(r"```python\n# (.+?)\n(.*?)```", (ROOT / "docs" / "add-a-metric.md").read_text("utf-8"), re.S)
    return dict(blocks)


def add_the_metric(sources: Path) -> None:
    """The page, word for word: a file, an import and a row."""
    (sources / "gan/metrics/mean_shift.py").write_text(listings()["gan/metrics/mean_shift.py"], "utf-8")
    table = sources / INDEX
    text = table.read_text("utf-8")
    begin, imports = "    for metric in (\n", "    manifold,\n"
    assert text.count(begin) == text.count(imports) == 1
    row = listings()["a row of METRICS"]
    table.write_text(text.replace(begin, begin + row).replace(imports, f"{imports}    mean_shift,\n"), "utf-8")


def test_a_metric_takes_one_file_one_row_and_one_test(run_python, sources, tiny, garments, tmp_path):
    add_the_metric(sources)
    where = {"PYTHONPATH": str(sources), "HOME": str(tmp_path)}
    model = tmp_path / "tiny.toml"
    model.write_text(f'name = "tiny"\nfamily = "dcgan"\nweights = "{tiny}"\n')
    given = f"model, reference = {str(model)!r}, {str(garments)!r}\n"
    used = run_python("-c", given + listings()["use it"], **where)
    assert used.returncode == 0, used.stderr
    assert re.search(r"^mean_shift_efficientnet_lite0 = \d.* ± \d", used.stdout, re.MULTILINE)
    assert "kid_efficientnet_lite0 = " in used.stdout

    listed = run_python("-m", "ganbench", "metrics", "--json", **where)
    assert listed.returncode == 0, listed.stderr
    found = {row["name"]: row for row in json.loads(listed.stdout)}
    assert found["mean_shift"]["title"] == "Squared distance of the means"

    test = tmp_path / "test_mean_shift.py"
    test.write_text(listings()["tests/gan/metrics/test_mean_shift.py"], "utf-8")
    tested = run_python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", str(test), **where)
    assert tested.returncode == 0, tested.stdout
    assert "2 passed" in tested.stdout
