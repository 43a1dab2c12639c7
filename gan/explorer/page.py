"""The explorer's page: one HTML file, with the network in it, or for a local server."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganbench.gan import images as image_rules
from ganbench.gan.explorer.explored import Explored
from ganbench.gan.explorer.mapping import encoded
from ganbench.gan.explorer.program import Program, program_of
from ganbench.gan.explorer.state import State, state_of
from ganbench.gan.explorer.texts import TEXTS
from ganbench.gan.generators.base import latents, mixes_classes, shares_of
from ganbench.gan.models.identity import identity
from ganbench.gan.preprocessing import steps_in
from ganbench.gan.types import BadInput

HERE = Path(__file__).parent
START = "seed=0"
TESTS = ("seed=0", "seed=1:3", "seed=17", "seed=4:1,truncation=0.7")
LOCAL = "open it with ganbench explore, which starts a local server"
Maps = Mapping[str, Any]


@dataclass(frozen=True)
class Named:
    """A model with the words that name it on the command line."""

    explored: Explored
    command: str
    map: Maps | None = None
    start: str = START


def facts_of(named: Named) -> dict[str, Any]:
    """What the page's controls need to know of a model."""
    explored = named.explored
    found = explored.directions
    sizes = {name: math.prod(space.shape) for name, space in explored.spaces.items()}
    if "z" not in sizes and explored.latent and not explored.mapped:
        sizes["z"] = sizes[explored.first]
    return {
        "name": explored.spec.name, "command": named.command, "identity": identity(explored.spec)[:16],
        "size": explored.image(state_of(START)).shape, "latent": explored.latent, "mapped": explored.mapped,
        "law": explored.spaces[explored.first].distribution if explored.latent else "",
        "space": explored.space if explored.mapped else "z", "shape": explored.shape, "layers": explored.layers,
        "sizes": sizes, "classes": explored.classes, "mixes": mixes_classes(explored.generator),
        "counts": {name: len(one) for name, one in found.items()},
        "portions": {name: [round(float(share), 5) for share in one.shares] for name, one in found.items()},
        "options": {name: {"least": one.least, "most": one.most, "value": one.value, "whole": one.whole}
                    for name, one in explored.options.items()},
        "why": explored.why_none if not found and explored.latent else "",
        "start": state_of(named.start).text,
    }


def exported(models: Sequence[Named], version: str) -> str:
    """A page that computes its images itself.  BadInput: a network that its engine cannot run."""
    parts = [page_facts(named.explored) for named in models]
    facts = [{**facts_of(named), "page": page} for named, (page, _) in zip(models, parts, strict=True)]
    weights = [base64.b64encode(array.astype("<f4").tobytes()).decode() for _, array in parts]
    data = {"engine": "page", "version": version, "models": facts, "texts": TEXTS, "map": models[0].map}
    blocks = [script(text, f"weights-{k}", "text/plain") for k, text in enumerate(weights)]
    return page_of(data, blocks, "'none'")


def served(models: Sequence[Named], version: str) -> str:
    """The page of a local server, which computes the images."""
    data = {"engine": "local", "version": version, "models": [facts_of(named) for named in models], "texts": TEXTS,
            "map": None}
    return page_of(data, [], "'self' ws://127.0.0.1:* ws://localhost:*")


def page_of(data: Mapping[str, Any], blocks: Sequence[str], connect: str) -> str:
    page = data["engine"] == "page"
    engine = [script(own("engine.js"), "engine", "text/plain"), script(own("worker.js"), "worker", "text/plain")]
    content = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    names = ("explore.js", *(() if page else ("around.js",)), "map.js", "film.js")
    scripts = [*(engine if page else []), *(script(own(name)) for name in names)]
    blocks = [script(content.replace("</", "<\\/"), "data", "application/json"), *blocks]
    html = own("page.html").replace("connect-src 'self' ws://127.0.0.1:* ws://localhost:*", f"connect-src {connect}")
    return (html.replace("/*STYLE*/", own("page.css")).replace("<!--DATA-->", "\n".join(blocks))
            .replace("<!--SCRIPTS-->", "\n".join(scripts)))


def script(text: str, name: str = "", kind: str = "") -> str:
    facts = (f' id="{name}"' if name else "") + (f' type="{kind}"' if kind else "")
    return f"<script{facts}>{text}</script>"


@cache
def own(name: str) -> str:
    """A file of this package."""
    return (HERE / name).read_text("utf-8")


# ---- The network in the page


def page_facts(explored: Explored) -> tuple[dict[str, Any], np.ndarray]:
    """What `worker.js` opens, and the weights."""
    if not explored.latent:
        raise BadInput("no-page-engine", f"{explored.spec.name} has no latent space, and is not computed in a page: "
                                         f"{LOCAL}.")
    if explored.stepwise:
        raise BadInput("no-page-engine", f"{explored.spec.name} draws its images in many steps, which a page does not "
                                         f"compute: {LOCAL}.")
    numbers = drawn_numbers(explored)
    z, noise = explored.drawn(state_of(START).place)
    labels = explored.labels_of(state_of(START))
    mapping = None
    if explored.mapped:
        mapping = program_of(lambda latent, *more: explored.model.to_space(
            latent, explored.first, "w", more[0] if more else None), [z, *listed(labels)])
    latent = explored.point(state_of(START)).latent
    asked = listed(None if explored.mapped else labels)
    synthesis = program_of(picture_of(explored), [latent, *asked, noise], len(mapping.weights) if mapping else 0)
    weights = np.concatenate([part.weights for part in (mapping, synthesis) if part])
    uses_noise = noise.numel() > 0 and reads(synthesis, len(asked) + 1)
    network = {**synthesis.facts, "inputs": synthesis.facts["inputs"][: 1 + len(asked) + uses_noise]}
    facts = {
        "digest": hashlib.blake2b(weights.astype("<f4").tobytes(), digest_size=16).hexdigest(),
        "mapping": mapping and mapping.facts, "synthesis": network, "shape": explored.shape,
        "layers": explored.layers, "mapped": explored.mapped, "classes": explored.classes,
        "centre": encoded(explored.centre) if explored.mapped else None, "drawn": z.shape[1:], "numbers": numbers,
        "law": explored.spaces[explored.first].distribution, "mixes": mixes_classes(explored.generator),
        "shares": shares_of(explored.generator), "asksClass": bool(asked), "asksNoise": uses_noise,
        "directions": {name: {"vectors": encoded(one.vectors), "sigmas": encoded(one.sigmas)}
                       for name, one in explored.directions.items()},
        "tests": [test_of(explored, text) for text in TESTS],
    }
    return facts, weights


def listed(labels: Tensor | None) -> list[Tensor]:
    return [] if labels is None else [labels]


def reads(program: Program, which: int) -> bool:
    """Whether an input matters."""
    name = program.facts["inputs"][which]["name"]
    return any(name in inputs for _, inputs, *_ in program.facts["nodes"])


def drawn_numbers(explored: Explored) -> int:
    """How many numbers an image draws.  BadInput: they are not those of docs/seeds.md, in that order."""
    rows, law = [0, 1, 5], explored.spaces[explored.first].distribution
    draws = explored.generator.draws(rows, 3)
    count = draws[0].numel()
    latent, noise = (part.reshape(len(rows), -1) for part in explored.model.split(draws))
    alike = law in ("normal", "uniform") and torch.equal(draws.reshape(len(rows), -1), latents(rows, 3, (count,), law))
    if not (alike and torch.equal(torch.cat([latent, noise], 1), draws.reshape(len(rows), -1))):
        raise BadInput("no-page-engine", f"{explored.spec.name} draws its latents in a way of its own: {LOCAL}.")
    return count


def picture_of(explored: Explored) -> Callable[..., Tensor]:
    """(latent[, labels], noise) -> images (1, C, H, W) in [-1, 1], not yet quantised, after the spec's padding."""
    spec, model = explored.spec, explored.model
    low, high = spec.output_range

    def picture(latent: Tensor, *more: Tensor) -> Tensor:
        labels = more[0] if len(more) > 1 else None
        images = image_rules.to_nchw(model.decode(latent, more[-1], labels, explored.space), spec)
        if images.dtype == torch.uint8:
            raise BadInput("no-page-engine", f"{spec.name} gives whole numbers, not floats: {LOCAL}.")
        if (low, high) != (-1, 1):
            images = (images - low) * (2 / (high - low)) - 1
        for step in steps_in(spec):
            images = reshaped(images, step, spec.name)
        return images

    return picture


def reshaped(images: Tensor, step: str, name: str) -> Tensor:
    """`pad 32` or `crop 28`, as ganbench.gan.preprocessing does to uint8 images."""
    what, _, value = step.partition(" ")
    height, width = images.shape[2:]
    if what not in ("pad", "crop"):
        raise BadInput("no-page-engine", f"{name} has the step {step!r} in its model file, which a page does not do: "
                                         f"{LOCAL}.")
    top, left = (abs(int(value) - side) // 2 for side in (height, width))
    if what == "crop":
        return images[:, :, top : top + int(value), left : left + int(value)]
    rest = [int(value) - width - left, int(value) - height - top]
    return torch.nn.functional.pad(images, (left, rest[0], top, rest[1]), value=-1.0)


def test_of(explored: Explored, text: str) -> dict[str, Any]:
    """A state with the image that it must give."""
    state = state_of(text)
    return {"state": as_json(state), "pixels": base64.b64encode(explored.image(state).tobytes()).decode()}


def as_json(state: State) -> dict[str, Any]:
    """The state as the page's scripts hold it: numbers that may be larger than 2^53 are texts."""
    place = {"seed": str(state.place.seed), "image": str(state.place.image)}
    return {
        "place": place, "latent": asdict(state.latent) if state.latent else None,
        "classes": [list(one) for one in state.classes], "truncation": state.truncation,
        "shifts": [{"method": one.method, "number": one.number, "amount": one.amount, **asdict(one.layers)}
                   for one in state.shifts],
        "options": dict(state.options), "redraw": None,
        "styles": [{"place": {"seed": str(one.place.seed), "image": str(one.place.image)}, **asdict(one.layers)}
                   for one in state.styles],
    }


