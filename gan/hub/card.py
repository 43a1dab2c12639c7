"""The card of a published model: README.md with the metadata that the Hub reads, and evaluation.json beside it.

The Hub's `model-index` has one number for each metric; intervals, floors and protocol stand in the table below it and,
in full precision, in evaluation.json, from which every number of the card is taken.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganbench.gan.hub.bundle import CARD, CITATION, EXPLORE, FAILURES, NUMBERS, REPORT, SAMPLES, SUMS, WHAT
from ganbench.gan.hub.bundle import SHOWN as GRID
from ganbench.gan.hub.licences import on_hub
from ganbench.gan.numbers import decimals, english
from ganbench.gan.types import Score
from ganbench.gan.words import caution

PIPELINE = "pipeline"     # the family of folders of diffusers
TASK = "unconditional-image-generation"
Z = 1.96                # standard errors to either side of a 95 % interval
TAGS = ("ganbench", "image-generation", "pytorch_model_hub_mixin", "model_hub_mixin")


@dataclass(frozen=True)
class Licences:
    """SPDX names or short texts; '': not known."""

    weights: str
    data: str = ""
    code: str = "Apache-2.0"


def licence_of(name: str, known: Licences) -> str:
    """Of a file of a bundle: pictures and the report show real images, too, and programs are code."""
    if name in (FAILURES, REPORT):
        return known.data or "that of the data"
    if name in ("app.py", "requirements.txt"):
        return known.code
    return "" if name in (CARD, SUMS, NUMBERS, CITATION) or name.startswith(".") else known.weights


@dataclass(frozen=True)
class Described:
    """What a card says."""

    title: str
    repo: str                       # ORG/NAME, from which it is loaded
    model: str                      # the model's name in the scores
    family: str                     # a row of GENERATORS, or pipeline
    what: str                       # how the architecture is described
    paper: str
    parameters: int
    shape: tuple[int, int, int]     # of an image
    classes: tuple[str, ...]
    n_classes: int
    data: str                       # '': not known
    training: Mapping[str, str]     # facts by name
    licences: Licences
    digest: str                     # of the model's identity
    weights: str                    # sha256 of model.safetensors; '' of a pipeline
    grid: str                       # sha256 over the pixels of the first 64 images of seed 0
    made_on: str                    # on which processor, with which versions
    scores: Sequence[Score]
    seed: int                       # of the images that were scored
    findings: Sequence[tuple[str, str]]         # severity and sentence
    limits: Sequence[str]
    version: str                    # of ganbench
    files: Sequence[str]            # that the card shows: samples.png, failures.png, report.html, explore.html
    options: Mapping[str, Any]      # of a pipeline's call
    key: str = ""                   # of everything that the folder was made of


def evaluation(about: Described) -> dict[str, Any]:
    """evaluation.json: as `ganbench evaluate --json`, with what the model is."""
    rows = [{"model": one.model, "metric": one.metric, "value": one.value, "se": one.se, "floor": one.floor,
             "n": one.n, "protocol": one.protocol, "protocol_digest": one.protocol_digest,
             "lower_is_better": one.lower_is_better, "notes": [caution(caveat) for caveat in one.caveats]}
            for one in about.scores]
    return {"scores": [finite(row) for row in rows], "seed": about.seed, "model_digest": about.digest,
            "weights_sha256": about.weights, "grid_sha256": about.grid, "grid_made_on": about.made_on,
            "findings": [{"severity": severity, "sentence": text} for severity, text in about.findings],
            "ganbench": about.version, "key": about.key}


def finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no NaN and no infinity."""
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()}


def as_json(found: Mapping[str, Any]) -> str:
    return json.dumps(found, indent=1, allow_nan=False) + "\n"


def card(about: Described) -> str:
    """README.md."""
    return f"---\n{metadata(about)}---\n\n" + "\n\n".join(part for part in sections(about) if part) + "\n"


def metadata(about: Described) -> str:
    """The front matter: `model-index` has every score with its number of images and its protocol."""
    from huggingface_hub import EvalResult, ModelCardData

    data = about.data or "unknown"
    results = [EvalResult(TASK, data, data, one.metric, one.value,
                          metric_name=f"{one.metric}, {one.n:,} images, {one.protocol}")
               for one in about.scores if math.isfinite(one.value)]
    facts: dict[str, Any] = dict(on_hub(about.licences.weights))
    found = ModelCardData(
        library_name="diffusers" if about.family == PIPELINE else "ganbench", pipeline_tag=TASK,
        tags=tags_of(about), model_name=about.title, eval_results=results or None, **facts)
    return f"{found.to_yaml()}\n"


def tags_of(about: Described) -> list[str]:
    return [*(TAGS if about.family != PIPELINE else TAGS[:2]), about.family, "synthetic"]


def sections(about: Described) -> list[str]:
    return [
        f"# {about.title}",
        f"![The first images of seed 0]({SAMPLES})" if SAMPLES in about.files else "", introduction(about),
        "## Use\n\n" + loading(about), facts("Training", {"data": about.data or "not known", **about.training}),
        scores(about), findings(about), "## Limits\n\n" + bullets(about.limits) if about.limits else "",
        beside(about), same_images(about), licences(about.licences),
    ]


def introduction(about: Described) -> str:
    channels, height, width = about.shape
    named = f": {', '.join(about.classes)}" if about.classes else ""
    kinds = f"; {about.n_classes:,} classes{named}" if about.n_classes else ""
    what = f"{about.what[:1].upper()}{about.what[1:]}" + (f" ({about.paper})" if about.paper else "")
    return (f"{what}. {about.parameters:,} parameters; images of {width}x{height} pixels, "
            f"{'grey' if channels == 1 else 'in colours'}{kinds}. Every image that it makes is synthetic.")


def loading(about: Described) -> str:
    again = f"`ganbench evaluate hf:{about.repo}` measures it again."
    if about.family == PIPELINE:
        options = "".join(f"{name}={value!r}, " for name, value in about.options.items()).rstrip(", ")
        return (f"```python\nfrom diffusers import DiffusionPipeline\n"
                f"images = DiffusionPipeline.from_pretrained(\"{about.repo}\")({options}).images\n```\n\n{again}")
    one = ", `label=0` draws one class" if about.n_classes else ""
    return (f"```python\nfrom ganbench import Pretrained\n"
            f"images = Pretrained.from_pretrained(\"{about.repo}\").images({GRID})\n```\n\n"
            f"`images` is uint8, ({GRID}, channels, height, width); `seed=1` draws others{one}. The name may be that "
            f"of a folder. {again}")


def same_images(about: Described) -> str:
    """How to see that what was loaded is what was published."""
    rows = {"identity of the model": f"`{about.digest}`"}
    if about.weights:
        rows |= {"model.safetensors": f"`{about.weights}`"}
    rows |= {f"pixels of the first {GRID} images of seed 0": f"`{about.grid}`", "these were drawn with": about.made_on}
    how = ("`hashlib.sha256(images.tobytes()).hexdigest()` of the images above is the digest of the pixels, on the "
           "same kind of processor and with these versions; elsewhere the last bit of a few pixels may differ.")
    return facts("Digests (sha256)", rows) + ("" if about.family == PIPELINE else f"\n\n{how}")


def facts(title: str, found: Mapping[str, str]) -> str:
    return f"## {title}\n\n| | |\n|---|---|\n" + "\n".join(f"| {name} | {cell(text)} |" for name, text in found.items())


def scores(about: Described) -> str:
    """With 95 % intervals, and the same score of as many real images."""
    if not about.scores:
        return "## Scores\n\nNone were measured."
    rows = ["| score | value (95 % interval) | real images | images |", "|---|---:|---:|---:|",
            *map(score_row, about.scores)]
    names = sorted({f"{one.protocol} (`{one.protocol_digest[:16]}`)" for one in about.scores})
    return ("## Scores\n\n" + "\n".join(rows) + f"\n\nProtocol {', '.join(names)}, images of seed {about.seed}; *real "
            "images*: the same score of as many held-out real images. Scores of other protocols are not comparable. In "
            f"full precision: [{NUMBERS}]({NUMBERS}).")


def score_row(one: Score) -> str:
    digits = decimals(one.se) if one.se > 0 else 4
    least, most = one.bounds
    value, low, high = (english(x, digits) for x in (
        one.value, max(least, one.value - Z * one.se), min(most, one.value + Z * one.se)))
    floor = english(one.floor, digits) if one.floor is not None else "-"
    better = "lower" if one.lower_is_better else "higher"
    return f"| `{one.metric}` ({better} is better) | {value} ({low} to {high}) | {floor} | {one.n:,} |"


def findings(about: Described) -> str:
    if not about.findings and FAILURES not in about.files:
        return ""
    strong = [text for severity, text in about.findings if severity == "strength"]
    weak = [text for severity, text in about.findings if severity in ("alert", "warning")]
    parts = [f"**{title}**\n\n{bullets(texts)}"
             for title, texts in (("Strengths", strong), ("Weaknesses", weak)) if texts]
    shown = [f"![The least realistic images]({FAILURES})"] if FAILURES in about.files else []
    return "## Strengths and weaknesses\n\n" + "\n\n".join([*parts, *shown])


def beside(about: Described) -> str:
    """Links to what else is in the folder."""
    links = [f"[{name}]({name}): {WHAT[name]}" for name in (REPORT, EXPLORE, NUMBERS, CITATION) if name in about.files]
    return f"## Files\n\n{bullets(links)}" if links else ""


def licences(found: Licences) -> str:
    return facts("Licences", {"weights": found.weights or "not known", "training data": found.data or "not known",
                              "code that loads them": found.code})


def bullets(texts: Sequence[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
