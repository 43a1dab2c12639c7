"""Keys follow imports: for every stage, held against another program that reads imports."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import grimp
import pytest

from ganbench.gan.datasets import DATASETS, reader_of
from ganbench.gan.generators import GENERATORS
from ganbench.gan.generators.compiled import compiled
from ganbench.gan.measure import makers_of
from ganbench.gan.metrics import METRICS
from ganbench.gan.models.openers import OPENERS, makers
from ganbench.gan.sources import HERE, LIBRARY, STAGES, Sources, short
from ganbench.gan.types import ModelSpec, Workspace

A, B = "zoo:dcgan-fashion-mnist-start", "zoo:flow-fashion-mnist"


def of_family(family: str) -> tuple[str, ...]:
    arguments = {"mixture": {"models": [A, B], "shares": [1, 1]},
                 "rejection": {"model": A, "ratio": "r.safetensors", "extractor": "pixels"}}.get(family, {})
    data = next(iter(DATASETS)) + ":test" if family == "images" else ""
    found = makers(ModelSpec("a", family, arguments=arguments, weights=data), Workspace())
    fast = family in GENERATORS and GENERATORS[family].compiled
    return (*found, compiled.__module__) if fast else found


def instances() -> dict[str, tuple[str, ...]]:
    """Every stage, with everything that can be chosen for it -> roots."""
    extractors = HERE.imported("features") | {"features.own"}
    chosen = {
        "samples": {family: of_family(family) for family in (*GENERATORS, *OPENERS)}
        | {"factory": makers(ModelSpec("a", factory="m:f"), Workspace())},
        "features": {name: (name,) for name in sorted(extractors - {"features.base"})},
        "paths": {name: (name,) for name in sorted(extractors - {"features.base"})},
        "scores": {name: makers_of(row) for name, row in METRICS.items()},
    }
    return {f"{stage} {name}".strip(): (*roots, *more)
            for stage, roots in STAGES.items() for name, more in chosen.get(stage, {"": ()}).items()}


INSTANCES = instances()
EXTRACTED = [stage.removeprefix("paths features.") for stage in INSTANCES if stage.startswith("paths features.")]


@pytest.fixture(scope="module")
def graph():
    """The imports as import-linter's own reader sees them."""
    return grimp.build_graph("ganbench", exclude_type_checking_imports=True, cache_dir=None)


@pytest.mark.parametrize("stage", INSTANCES)
def test_a_stage_depends_on_all_that_its_roots_import_and_on_nothing_else(stage, graph):
    roots = {f"{LIBRARY}.{short(root)}" for root in INSTANCES[stage]}
    found = roots.union(*(graph.find_upstream_modules(root) for root in roots))
    assert HERE.closure(*INSTANCES[stage]) == {short(name) for name in found} - {"sources"}


def test_editing_a_module_changes_the_keys_of_the_stages_that_import_it_and_no_others():
    before = {stage: HERE.digest(*roots) for stage, roots in INSTANCES.items()}
    touched = {stage: HERE.closure(*roots) for stage, roots in INSTANCES.items()}
    for module in HERE.modules:
        edited = Sources(HERE.folder)
        edited.imports, edited.contents = HERE.imports, {**HERE.contents, module: HERE.content(module) + b"# edited"}
        changed = {stage for stage, roots in INSTANCES.items() if edited.digest(*roots) != before[stage]}
        assert changed == {stage for stage, modules in touched.items() if module in modules}, module


def test_many_threads_may_ask_at_once():
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            fresh = Sources(HERE.folder)
            found = list(pool.map(lambda roots, fresh=fresh: fresh.digest(*roots), INSTANCES.values()))
            assert found == [HERE.digest(*roots) for roots in INSTANCES.values()]


@pytest.mark.parametrize(("file", "changed", "unchanged"), [
    ("generators/dcgan.py", {"samples dcgan", "samples mixture", "samples rejection"}, None),
    ("generators/wgan_gp.py", {"samples wgan-gp"}, None),
    ("features/vit.py", {"features features.vit", "paths features.vit"}, None),
    ("latent/paths.py", {f"paths features.{name}" for name in EXTRACTED}, None),
    ("metrics/path_length.py", {"scores ppl", "scores ppl_w"}, None),
    ("words.py", set(), None), ("report/html.py", set(), None), ("metrics/__init__.py", set(), None),
    ("generators/__init__.py", set(), None), ("models/openers.py", set(), None), ("sources.py", set(), None),
    ("compare.py", {"findings"}, None),
    ("metrics/kernel.py", {"scores kid", "self-similarity", "slices", "findings", "mixture"},
     {"scores fd", "scores precision", "statistics", "audit", "samples dcgan"}),
    ("metrics/frechet.py", {"scores fd", "statistics", "against n"}, {"scores kid", "scores precision", "slices"}),
])
def test_a_file_that_is_edited_on_disk(tmp_path, file, changed, unchanged):
    """`unchanged`: None for all that are not named."""
    shutil.copytree(HERE.folder, tmp_path / "gan", ignore=lambda _, names: [name for name in names if name == "zoo"])
    fresh = Sources(tmp_path / "gan")
    before = {stage: fresh.digest(*roots) for stage, roots in INSTANCES.items()}
    with (tmp_path / "gan" / file).open("a") as source:
        source.write("# edited\n")
    after = Sources(tmp_path / "gan")
    found = {stage for stage, roots in INSTANCES.items() if after.digest(*roots) != before[stage]}
    assert found == changed if unchanged is None else changed <= found and not found & unchanged


def test_imports_in_functions_count_and_those_for_type_checkers_do_not(tmp_path):
    text = f"""
from typing import TYPE_CHECKING
from . import relative
from {LIBRARY} import plain, missing as other
import {LIBRARY}.dotted
if TYPE_CHECKING:
    from {LIBRARY} import typed
else:
    from {LIBRARY} import untyped
def function():
    try:
        from {LIBRARY}.room import module, NAME
    except ImportError:
        import numpy
"""
    (tmp_path / "room").mkdir()
    for name in ("relative", "plain", "dotted", "typed", "untyped", "room/__init__", "room/module"):
        (tmp_path / f"{name}.py").write_text("")
    (tmp_path / "start.py").write_text(text.replace(", missing as other", ""))
    found = Sources(tmp_path).closure("start")
    assert found == {"start", "relative", "plain", "dotted", "untyped", "room", "room.module"}


def test_a_module_that_is_not_there_is_said():
    with pytest.raises(ValueError, match=r"There is no module 'metrics\.nobody'"):
        HERE.digest("ganbench.gan.metrics.nobody")


@pytest.mark.parametrize(("data", "module"), [
    ("fashion-mnist:test", "fashion_mnist"), ("cifar10:train", "cifar10"), (".", "folder"), ("a.npz", "npz"),
    ("a.PARQUET", "parquet"), ("a.zip", "archive"), ("a.npy", "arrays"), ("mine:images", "arrays"),
])
def test_images_depend_on_what_reads_them(data, module):
    assert reader_of(data) == f"{LIBRARY}.datasets.{module}"
