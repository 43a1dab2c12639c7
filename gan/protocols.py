"""CONVENTIONS: how scores are computed.  PROTOCOLS: a convention with its reference data and numbers of images."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ganbench.gan.metrics import METRICS
from ganbench.gan.preprocessing import COLOURS, LARGEST, resize_of, steps_of
from ganbench.gan.types import BadInput, Convention, Protocol

SHARE = re.compile(r"(\d+(?:\.\d+)?) ?%")     # of the reference, held out of it
QUALITY = ("fd", "fd_infinity", "kid")
MANIFOLD = ("precision", "recall", "density", "coverage")
VARIETY = ("vendi", "diversity")
MEMORY = ("authpct", "ct", "copies")
PRDC = {"precision": {"k": 5, "closed": False}, "recall": {"k": 5, "closed": False}}

CONVENTIONS = {
    "embedded": Convention(
        "embedded", ("efficientnet_lite0",), (*QUALITY, "is", *MANIFOLD, *VARIETY, *MEMORY),
        matches="nothing outside: weights that come with the package, so it runs anywhere, at once",
    ),
    # torch-fidelity's own precision and recall (prc) look at VGG-16 unless it is told feature_layer_prc="2048".
    "fidelity": Convention(
        "fidelity", ("inception",), (*QUALITY, "is", *MANIFOLD, "vendi", "mifid"),
        settings={"kid": {"subsets": 100}, "is": {"splits": 10, "shuffle_seed": 2020}},
        matches="torch-fidelity (prc with feature_layer_prc='2048'), and FID as StyleGAN, EDM, ADM and TTUR compute it",
    ),
    "clean": Convention(
        "clean", ("inception_clean",), QUALITY,
        settings={"kid": {"subsets": 100}},
        matches="clean-fid (mode clean)",
    ),
    "adm": Convention(
        "adm", ("inception_spatial",), ("fd", "sfd", "is", "precision", "recall"),
        settings={"is": {"block": 5_000}},
        matches="guided-diffusion's evaluator, and the papers that use it (ADM, DiT, VAR)",
    ),
    "dgm": Convention(
        "dgm", ("dinov2",), (*QUALITY, *MANIFOLD, "vendi", *MEMORY, "fld", "fld_gap"),
        settings={**PRDC, "fd_infinity": {"points": 15}},
        matches="dgm-eval (DINOv2 ViT-L/14); its precision and recall are prdc's, k = 5",
    ),
    "clip": Convention(
        "clip", ("clip",), ("cmmd", *QUALITY, *MANIFOLD),
        matches="CMMD (CLIP ViT-L/14 at 336 pixels)",
    ),
}


def fashion_mnist(name: str, convention: str, n: int, judge: str = "") -> Protocol:
    """`n` images against the 10,000 test images; 10,000 training images (a sixth of all) give the floor, and are
    searched for copies."""
    return Protocol(
        name, CONVENTIONS[convention], "fashion-mnist:test", n, judge=judge, held_out="fashion-mnist:train10k",
        training="fashion-mnist:train10k",
    )


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        # Expected of zoo:dcgan-fashion-mnist, seed 0: fd_efficientnet_lite0 = 12.51, fd_judge = 0.646.
        fashion_mnist("fashion-mnist-embedded-2k", "embedded", 2_000, "judge"),
        # Expected of the same: fd_efficientnet_lite0 = 9.26, fd_judge = 0.534.
        fashion_mnist("fashion-mnist-embedded-10k", "embedded", 10_000, "judge"),
        fashion_mnist("fashion-mnist-fidelity-10k", "fidelity", 10_000),
        fashion_mnist("fashion-mnist-clean-10k", "clean", 10_000),
        # The test emoji differ from the training emoji: the floor is that of a model that generates new ones, and
        # a model that copies can be below it.
        Protocol("emoji-embedded-650", CONVENTIONS["embedded"], "emoji:train", 650, held_out="emoji:test",
                 training="emoji:train"),
        Protocol("emoji-embedded-2k", CONVENTIONS["embedded"], "emoji:train", 2_000, training="emoji:train"),
        # Published: fid = 2.42 of StyleGAN2-ADA (conditional; arXiv:2006.06676), 1.97 of EDM, 1.79 of its conditional
        # model (arXiv:2206.00364).
        Protocol("cifar10-fidelity-50k", CONVENTIONS["fidelity"], "cifar10:train", 50_000),
        # Published: fd_dinov2 and the rest of dgm-eval, Stein et al. 2023, arXiv:2306.04675, table 6 on.
        Protocol("cifar10-dgm-50k", CONVENTIONS["dgm"], "cifar10:train", 50_000, training="cifar10:train"),
        # Expected of the floor: fid = 3.15 (README of w86763777/pytorch-image-generation-metrics).
        Protocol("cifar10-fidelity-10k", CONVENTIONS["fidelity"], "cifar10:train", 10_000, held_out="cifar10:test"),
        # Published: fid = 9.26 +- 0.06 of StyleGAN2-ADA, 10.85 +- 0.10 of DiffAugment (README of GaParmar/clean-fid).
        Protocol("cifar10-clean-10k", CONVENTIONS["clean"], "cifar10:test", 10_000, held_out="cifar10:train"),
    )
}


def named(name: str) -> Protocol:
    """A preset."""
    if name not in PROTOCOLS:
        raise BadInput("unknown-protocol", f"No protocol {name!r}. Known: {', '.join(sorted(PROTOCOLS))}.")
    return PROTOCOLS[name]


def varied(protocol: Protocol, change: str, **fields: Any) -> Protocol:
    """The protocol with some fields changed, and the change added to its name."""
    return replace(protocol, name=f"{protocol.name}, {change}", **fields)


def measuring(protocol: Protocol, metrics: str) -> Protocol:
    """The protocol with other metrics, for every extractor."""
    names = tuple(dict.fromkeys(part.strip() for part in metrics.split(",") if part.strip()))
    unknown = [part for part in names if part not in METRICS]
    if unknown or not names:
        raise BadInput("unknown-metric", f"No metric {(*unknown, metrics)[0]!r}. Known: {', '.join(sorted(METRICS))}.")
    convention = replace(protocol.convention, metrics=names, judge_metrics=names)
    return varied(protocol, f"metrics {', '.join(names)}", convention=convention)


def share_of(data: str) -> float | None:
    """The percentage that held-out images are of the reference, in `20%`; None of DATA."""
    found = SHARE.fullmatch(data.strip())
    if found is None:
        return None
    share = float(found[1])
    if not 0 < share < 100:
        raise BadInput("unfit-value",
                       f"The value of --held-out is {data}, no part of the reference: expected 20%, for example.")
    return share


def lean(protocol: Protocol) -> Protocol:
    """The same reference and leading features, without floors, training images and judge."""
    convention = replace(protocol.convention, extractors=protocol.convention.extractors[:1], metrics=("kid",))
    return replace(protocol, convention=convention, judge="", held_out="", training="")


def with_count(protocol: Protocol, n: int | None) -> Protocol:
    """The protocol with another number of generated images, which makes it another protocol."""
    if n is None or n == protocol.n_generated:
        return protocol
    check_count(n)
    return varied(protocol, f"n={n}", n_generated=n)


def derived(name: str, convention: str, reference: str, n: int | None) -> Protocol:
    """A protocol from a convention and reference data."""
    if name:
        raise BadInput("conflicting-options", "Give either --protocol or --convention with --reference, not both.")
    convention = convention or "embedded"
    if convention not in CONVENTIONS:
        raise BadInput("unknown-convention", f"No convention {convention!r}. Known: {', '.join(sorted(CONVENTIONS))}.")
    if not reference:
        raise BadInput("no-reference",
                       "A convention needs reference data: give --reference with a name, folder, .npz or .parquet.")
    n = 10_000 if n is None else n
    check_count(n)
    return Protocol(f"{convention}, {reference}, n={n}", CONVENTIONS[convention], reference, n)


def preprocessed(protocol: Protocol, resize: str, pad: int | None, colours: str) -> Protocol:
    """The protocol that brings all images, of every set, to one size and one kind of colours."""
    if colours not in ("", *COLOURS):
        raise BadInput("unknown-choice", f"No colours {colours!r}: expected {' or '.join(COLOURS)}.")
    if pad is not None and not 1 <= pad <= LARGEST:
        raise BadInput("unfit-value", f"The value of --pad is {pad}, expected a number of pixels up to {LARGEST:,}.")
    steps = steps_of(resize_of(resize, "--resize") if resize else "", pad or 0, colours)
    return varied(protocol, ", ".join(steps), preprocessing=steps) if steps else protocol


def check_count(n: int) -> None:
    if n < 2:
        raise BadInput("too-few-images", f"Scores need at least 2 images, got --n {n}.")
