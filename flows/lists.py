"""The tables of ganbench as rows for `ganbench models`, `protocols`, ... and `doctor`."""

from __future__ import annotations

import platform
import time
import tomllib
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench.gan.datasets import DATASETS
from ganbench.gan.explain import AXES, READINGS
from ganbench.gan.features import EXTRACTORS
from ganbench.gan.features.extract import given_weights
from ganbench.gan.generators import GENERATORS
from ganbench.gan.metrics import METRICS
from ganbench.gan.mirror import copy
from ganbench.gan.models.identity import IMAGES
from ganbench.gan.models.names import ZOO, zoo_models
from ganbench.gan.models.openers import OPENERS
from ganbench.gan.protocols import CONVENTIONS, PROTOCOLS
from ganbench.gan.recipes import RECIPES
from ganbench.gan.recipes.own import DESIGNS
from ganbench.gan.store import Store, is_sound
from ganbench.gan.types import BadInput, ModelSpec
from ganbench.tasks.settings import settings, without_user, workspace_of

if TYPE_CHECKING:
    from ganbench.gan.verify import Result

Row = dict[str, Any]
ANSWERS = "answers"  # of `flows.answers`: they name files of this machine, so they stay here


def models() -> list[Row]:
    """The zoo, the families, then what is opened where it lies and needs no --family."""
    zoo = [
        {"name": f"zoo:{spec.name}", "family": spec.family, "images": shape_of(spec), "what": what_of(spec)}
        for spec in zoo_models()
    ]
    families = [
        {"name": f"--family {name}", "family": name, "images": "", "what": row.what} for name, row in GENERATORS.items()
    ]
    opened = [{"name": name, "family": name, "images": "", "what": row.what} for name, row in OPENERS.items()]
    return zoo + families + opened


def shape_of(spec: ModelSpec) -> str:
    """Channels, height and width of a model's images; of data those that the table names."""
    shape = (spec.channels, spec.resolution, spec.resolution)
    if spec.family == IMAGES:
        shape = DATASETS[spec.weights.partition(":")[0]].shape
    return "x".join(map(str, shape))


def what_of(spec: ModelSpec) -> str:
    """What its model file says about it, for people."""
    return str(tomllib.loads((ZOO / f"{spec.name}.toml").read_text("utf-8")).get("about", {}).get("what", ""))


def protocols() -> list[Row]:
    return [
        {
            "name": name,
            "convention": row.convention.name,
            "reference": row.reference,
            "n": row.n_generated,
            "held_out": row.held_out,
        }
        for name, row in PROTOCOLS.items()
    ]


def conventions() -> list[Row]:
    return [
        {"name": name, "extractors": list(row.extractors), "metrics": list(row.metrics), "matches": row.matches}
        for name, row in CONVENTIONS.items()
    ]


def readings() -> list[Row]:
    return [
        {"name": name, **{axis: getattr(row, axis) for axis in AXES if axis != "weights"}, "source": row.source}
        for name, row in READINGS.items()
    ]


def recipes() -> list[Row]:
    """Kinds of models for a user's images, then those of shipped models."""
    own = [{"name": name, "family": row.family or RECIPES[row.like].family, "data": "--data DATA", "steps":
            RECIPES[row.like].schedule.steps, "batch": "", "after": "", "expected": "", "what": row.what}
           for name, row in DESIGNS.items()]
    return own + [
        {
            "name": name, "family": row.family, "data": row.data, "steps": row.schedule.steps,
            "batch": row.schedule.batch, "after": row.after, "expected": row.expected,
            "what": "",
        }
        for name, row in RECIPES.items()
    ]


def metrics() -> list[Row]:
    return [
        {
            "name": name,
            "title": row.title,
            "better": "undecided" if not row.decides else "lower" if row.lower_is_better else "higher",
            "what": row.what,
            "paper": row.paper,
        }
        for name, row in METRICS.items()
    ]


def datasets() -> list[Row]:
    return [
        {
            "name": f"{name}:{split}",
            "images": n,
            "shape": "x".join(map(str, row.shape)),
            "licence": row.licence,
            "what": row.what,
        }
        for name, row in DATASETS.items()
        for split, n in row.splits.items()
    ]


def extractors() -> list[Row]:
    return [
        {"name": name, "features": row.d or "by image", "logits": row.logits, "what": row.what, "weights": row.weights}
        for name, row in EXTRACTORS.items()
    ]


def checks(results: Sequence[Result]) -> list[Row]:
    """What `ganbench verify` found."""
    return [
        {
            "name": result.check.name,
            "found": result.found,
            "expected": result.check.expected,
            "tolerance": result.check.tolerance,
            "state": result.state,
            "source": result.check.source,
        }
        for result in results
    ]


def doctor() -> list[Row]:
    """Versions, devices, weights, data and servers; `state` is ok, or says what is missing and what to do."""
    import torch

    packages = (
        "ganbench",
        "torch",
        "torchvision",
        "onnxruntime",
        "prefect",
        "mlflow",
        "fastapi",
        "sqlalchemy",
        "numpy",
        "scipy",
    )
    rows = [
        {"name": name, "found": found_version(name), "state": "ok" if found_version(name) else "missing"}
        for name in packages
    ]
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    rows += [
        {"name": "python", "found": platform.python_version(), "state": "ok"},
        {"name": "GPU", "found": gpu, "state": "ok" if gpu != "none" else "ok: everything runs on the CPU"},
        {"name": "home", "found": str(settings().root), "state": "ok"},
    ]
    return rows + [weights_row(name) for name in EXTRACTORS] + data_rows() + server_rows()


def found_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def weights_row(name: str) -> Row:
    """Whether the weights lie on this machine; nothing is downloaded."""
    row = EXTRACTORS[name]
    if not row.file:
        return {"name": f"weights of {name}", "found": row.weights, "state": "ok"}
    path = given_weights(name, workspace_of()) or str(settings().root / "weights" / row.file)
    here = Path(path).expanduser().exists()
    missing = f"not here: downloaded when needed, or give --weights {row.network}=PATH"
    return {"name": f"weights of {name}", "found": path if here else "", "state": "ok" if here else missing}


def data_rows() -> list[Row]:
    from ganbench.gan.datasets import DataFolders, cifar10, fashion_mnist

    rows = []
    for split in fashion_mnist.PREFIX:
        folders = [fashion_mnist.EMBEDDED, fashion_mnist.DEBIAN, settings().root / "data"]
        here = next(
            (
                str(folder)
                for folder in folders
                if any((folder / name).is_file() for name in fashion_mnist.names(split))
            ),
            "",
        )
        rows.append(
            {
                "name": f"fashion-mnist:{split}",
                "found": here,
                "state": "ok" if here else "not here: fetched when needed",
            }
        )
    places = DataFolders(Path(settings().data).expanduser() if settings().data else None, settings().root / "data")
    here = str(cifar10.find(places) or "")
    return [*rows, {"name": "cifar10", "found": here, "state": "ok" if here else "not here: fetched when needed"}]


def server_rows() -> list[Row]:
    from ganbench.tasks.servers import running
    from ganbench.tasks.tracking.client import unreachable

    servers = running()
    problem = unreachable(settings().tracking)
    return [
        {
            "name": "ganbench ui",
            "found": servers.prefect if servers else "",
            "state": "ok" if servers else "not running (it need not)",
        },
        {"name": "MLflow", "found": without_user(settings().tracking), "state": problem or "ok"},
    ]


def cache_list(older_than: float) -> list[Row]:
    """Artefacts and bytes by kind."""
    kinds: dict[str, list[int]] = {}
    for entry in store().entries():
        kinds.setdefault(entry.kind, []).append(entry.facts["bytes"])
    return [{"name": kind, "artefacts": len(sizes), "bytes": sum(sizes)} for kind, sizes in sorted(kinds.items())]


def cache_verify(older_than: float) -> list[Row]:
    """Check every hash; damaged artefacts are recomputed when they are needed."""
    entries = list(store().entries())
    damaged = [entry for entry in entries if not is_sound(entry)]
    rows = [{"name": f"{entry.kind}/{entry.key[:16]}", "state": "damaged: made anew when needed"} for entry in damaged]
    state = f"{len(damaged):,} damaged" if damaged else "all sound"
    return [*rows, {"name": f"{len(entries):,} artefacts checked", "state": state}]


def cache_collect(older_than: float) -> list[Row]:
    """Remove artefacts not used for some days, and files left by killed processes."""
    before = time.time() - 86_400 * older_than
    old = [entry for entry in store().entries() if store().last_used(entry) < before or not is_sound(entry)]
    strays = store().strays()
    size = sum(entry.facts["bytes"] for entry in old) + sum(path.stat().st_size for path in strays)
    for entry in old:
        store().remove(entry)
    for path in strays:
        path.unlink(missing_ok=True)
    return [{"name": "removed", "artefacts": len(old), "left_behind_files": len(strays), "bytes": size}]


def cache_mirror(older_than: float) -> list[Row]:
    """Copy to the mirror what it lacks: artefacts from before there was one, or from while it was down."""
    url = settings().mirror
    if not url:
        raise BadInput("unfit-setting", "There is no mirror: set GANBENCH_MIRROR, for example to s3://BUCKET/FOLDER.")
    sound = [entry for entry in store().entries() if entry.kind != ANSWERS and is_sound(entry)]
    try:
        copied = [entry for entry in sound if copy(url, entry.kind, entry.key, entry.path, entry.facts)]
    except (OSError, RuntimeError, ValueError) as error:
        raise BadInput("no-answer", f"The mirror {url} failed ({type(error).__name__}).") from error
    size = sum(entry.facts["bytes"] for entry in copied)
    return [{"name": "copied", "artefacts": len(copied), "bytes": size},
            {"name": "there already", "artefacts": len(sound) - len(copied)}]


def store() -> Store:
    return Store(settings().root / "store")


CACHE: dict[str, Callable[[float], list[Row]]] = {
    "list": cache_list, "verify": cache_verify, "collect": cache_collect, "mirror": cache_mirror}
