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

from ganbench.gan.numbers import decimals, english
from ganbench.gan.types import Score

TASK = "unconditional-image-generation"
Z = 1.96                # standard errors to either side of a 95 % interval
TAGS = ("ganbench", "image-generation", "pytorch_model_hub_mixin", "model_hub_mixin")


@dataclass(frozen=True)
class Licences:
    """SPDX names or short texts; '': not known."""

    weights: str
    data: str = ""
    code: str = "Apache-2.0"


@dataclass(frozen=True)
class Described:
    """What a card says."""

    name: str                       # of the repository, or of the model
    family: str
    what: str                       # one sentence
    paper: str
    parameters: int
    shape: tuple[int, int, int]     # of an image
    classes: tuple[str, ...]
    data: str                       # '': not known
    training: Mapping[str, str]     # facts by name
    licences: Licences
    digest: str                     # of the model's identity
    weights: str                    # sha256 of model.safetensors
    grid: str                       # sha256 over the pixels of the first 64 images of seed 0
    scores: Sequence[Score]
    findings: Sequence[tuple[str, str]]         # severity and sentence
    limits: Sequence[str]
    version: str                    # of ganbench
    files: Sequence[str]            # that the card shows: samples.png, failures.png, report.html, explore.html


def evaluation(about: Described) -> dict[str, Any]:
    """evaluation.json: as `ganbench evaluate --json`, with what the model is."""
    rows = [{"model": about.name, "metric": one.metric, "value": one.value, "se": one.se, "floor": one.floor,
             "n": one.n, "protocol": one.protocol, "protocol_digest": one.protocol_digest,
             "lower_is_better": one.lower_is_better} for one in about.scores]
    return {"scores": rows, "model_digest": about.digest, "weights_sha256": about.weights, "grid_sha256": about.grid,
            "findings": [{"severity": severity, "sentence": text} for severity, text in about.findings],
            "ganbench": about.version}


def as_json(found: Mapping[str, Any]) -> str:
    return json.dumps(found, indent=1, allow_nan=False) + "\n"


def card(about: Described) -> str:
    """README.md."""
    return f"---\n{metadata(about)}---\n\n" + "\n\n".join(part for part in sections(about) if part) + "\n"


def metadata(about: Described) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    results = [EvalResult(TASK, about.data or "unknown", about.data or "unknown", one.metric, one.value,
                          metric_name=f"{one.metric}, {one.n:,} images, {one.protocol}")
               for one in about.scores if math.isfinite(one.value)]
    found = ModelCardData(
        license=about.licences.weights or "unknown", library_name="ganbench", pipeline_tag=TASK,
        tags=[*TAGS, about.family], model_name=about.name, eval_results=results or None)
    return f"{found.to_yaml()}\n"


def sections(about: Described) -> list[str]:
    channels, height, width = about.shape
    kinds = f"; {len(about.classes)} classes: {', '.join(about.classes)}" if about.classes else ""
    return [
        f"# {about.name}",
        "![64 images, seed 0](samples.png)" if "samples.png" in about.files else "",
        f"{about.what} ({about.paper}). {about.parameters:,} parameters; images of {width}x{height} pixels, "
        f"{'grey' if channels == 1 else 'in colours'}{kinds}. Every image that it makes is synthetic.",
        "## Use\n\n" + loading(about.name), facts("Training", {"data": about.data or "not known", **about.training}),
        scores(about), findings(about), "## Limits\n\n" + bullets(about.limits) if about.limits else "", beside(about),
        licences(about.licences),
    ]


def loading(name: str) -> str:
    return (f"```python\nfrom ganbench import Pretrained\nimages = Pretrained.from_pretrained(\"{name}\").images(64)"
            "      # (64, C, H, W) uint8, image i of seed 0\n```\n\n"
            f"`ganbench evaluate hf:{name}` measures it again.")


def facts(title: str, found: Mapping[str, str]) -> str:
    return f"## {title}\n\n| | |\n|---|---|\n" + "\n".join(f"| {name} | {cell(text)} |" for name, text in found.items())


def scores(about: Described) -> str:
    """With 95 % intervals, and the same score of as many real images."""
    if not about.scores:
        return "## Scores\n\nNone were measured."
    rows = ["| score | value (95 %) | real images | images |", "|---|---:|---:|---:|", *map(score_row, about.scores)]
    names = sorted({one.protocol for one in about.scores})
    return ("## Scores\n\n" + "\n".join(rows) + f"\n\nProtocol {', '.join(names)}; *real images*: the same number for "
            "as many held-out real images. In full precision: [evaluation.json](evaluation.json).")


def score_row(one: Score) -> str:
    digits = decimals(one.se) if one.se > 0 else 4
    value, low, high = (english(x, digits) for x in (one.value, one.value - Z * one.se, one.value + Z * one.se))
    floor = english(one.floor, digits) if one.floor is not None else "-"
    better = "lower" if one.lower_is_better else "higher"
    return f"| `{one.metric}` ({better} is better) | {value} ({low} to {high}) | {floor} | {one.n:,} |"


def findings(about: Described) -> str:
    if not about.findings:
        return ""
    strong = [text for severity, text in about.findings if severity == "strength"]
    weak = [text for severity, text in about.findings if severity in ("alert", "warning")]
    parts = [f"**{title}**\n\n{bullets(texts)}"
             for title, texts in (("Strengths", strong), ("Weaknesses", weak)) if texts]
    shown = ["![Failures](failures.png)"] if "failures.png" in about.files else []
    return "## Strengths and weaknesses\n\n" + "\n\n".join([*parts, *shown])


def beside(about: Described) -> str:
    """Links to what else is in the folder."""
    known = {"report.html": "the whole evaluation", "explore.html": "its latent space, in the browser",
             "evaluation.json": "every number"}
    links = [f"[{name}]({name}): {what}" for name, what in known.items() if name in about.files]
    return f"## Files\n\n{bullets(links)}" if links else ""


def licences(found: Licences) -> str:
    return (f"## Licences\n\nWeights: {found.weights or 'not known'}. Training data: {found.data or 'not known'}. Code "
            f"that loads them: {found.code}.")


def bullets(texts: Sequence[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
