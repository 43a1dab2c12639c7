"""Sanity checks of images, features and scores: causes of misleading scores become alerts and caveats."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.fft import dctn

from ganbench.gan.rows import Chunks
from ganbench.gan.sources import source_digest
from ganbench.gan.store import Store, remember, rows_of
from ganbench.gan.types import Alert, Caveat, Features, Samples, digest_of

LOOKED_AT = 300             # images that are searched for traces of compression
BLOCK, LUMA = 8, np.array([0.299, 0.587, 0.114])    # of JPEG
STEPS = range(2, 41)        # quantisation steps at low frequencies, from quality 90 down to 20
COMB, ENOUGH = 0.4, 100     # threshold of a trace, and the least number of coefficients
DUPLICATED = 0.005          # share of exact duplicates from which on there is an alert
PRECISE, NARROW = 0.9, 0.1  # precision above and recall below: a small part of the real distribution


def check_images(generated: Samples, reference: Samples | None, store: Store) -> list[Alert]:
    """Alerts from the pixels; stored, since every image is read."""
    facts = {"stage": "gates", "generated": generated.digest, "reference": reference.digest if reference else ""}
    key = digest_of({**facts, "source": source_digest("gates")})

    def look() -> list[list[Any]]:
        alerts = of_range(generated)
        if not failures(alerts):
            alerts += of_copies(generated, reference) + of_compression(generated, reference)
        return [[alert.severity, alert.cause.rule, alert.cause.facts] for alert in alerts]

    return [Alert(severity, Caveat(rule, facts)) for severity, rule, facts in remember(store, "gates", key, look)[0]]


def failures(alerts: Iterable[Alert]) -> list[Caveat]:
    """The causes that make scores meaningless."""
    return [alert.cause for alert in alerts if alert.severity == "FAIL"]


# Images

def of_range(generated: Samples) -> list[Alert]:
    """Alerts about values that do not use the range 0..255."""
    low, high = (int(limit) for limit in _limits(generated))
    if low == high:
        return [Alert("FAIL", Caveat("one value", {"n": generated.n, "value": low}))]
    if high <= 1:
        return [Alert("FAIL", Caveat("not times 255", {"n": generated.n, "high": high}))]
    if low >= 127 or high <= 128:
        return [Alert("WARN", Caveat("half range", {"low": low, "high": high}))]
    return []


def of_copies(generated: Samples, reference: Samples | None) -> list[Alert]:
    """Alerts about exact duplicates."""
    mine = _hashes(generated)
    if len(set(mine)) == 1:
        return [Alert("FAIL", Caveat("one image", {"n": len(mine)}))]
    alerts = []
    spare = len(mine) - len(set(mine))
    if spare > DUPLICATED * len(mine):
        most = Counter(mine).most_common(1)[0][1]
        alerts.append(Alert("WARN", Caveat("same images", {"count": spare, "n": len(mine), "most": most})))
    known = len(set(mine) & set(_hashes(reference))) if reference else 0
    if known:
        alerts.append(Alert("WARN", Caveat("of the reference", {"count": known})))
    return alerts


def of_compression(generated: Samples, reference: Samples | None) -> list[Alert]:
    """An alert about traces of JPEG compression in one of the two sets only."""
    if reference is None or min(generated.shape[1:]) < BLOCK:
        return []
    (ours, our_step), (theirs, their_step) = _comb(generated), _comb(reference)
    if (ours > COMB) == (theirs > COMB):
        return []
    one, other, step = ("generated", "reference", our_step) if ours > COMB else ("reference", "generated", their_step)
    return [Alert("WARN", Caveat("compressed", {"one": one, "other": other, "step": step}))]


def _comb(samples: Samples) -> tuple[float, int]:
    """How closely coefficients of 8 x 8 blocks lie at multiples of one step, from 0 (not at all) to 1, and the step.

    JPEG rounds each coefficient c of a block's cosine transform to a multiple of its step q, so the mean of
    cos(2 pi c / q) over the c that are not near 0 is close to 1; for a smooth distribution of c it is close to 0.
    """
    coefficients = np.concatenate([_coefficients(images) for images in _images(samples, LOOKED_AT)])    # (blocks, 5)
    best = (0.0, 0)
    for c in coefficients.T:
        for q in STEPS:
            beyond = c[np.abs(c) > q / 2]
            if len(beyond) >= ENOUGH:
                best = max(best, (float(np.cos(2 * np.pi * beyond / q).mean()), q))
    return best


def _coefficients(images: np.ndarray) -> np.ndarray:
    """Five low frequencies of the brightness in aligned 8 x 8 blocks: NCHW uint8 -> (blocks, 5) float64.

    Blocks with black or white pixels are skipped, since values were clipped there.
    """
    n, channels, height, width = images.shape
    brightness = np.einsum("nchw,c->nhw", images, LUMA if channels == 3 else np.ones(1))
    rows, columns = height // BLOCK, width // BLOCK
    blocks = brightness[:, : rows * BLOCK, : columns * BLOCK].reshape(n, rows, BLOCK, columns, BLOCK)
    blocks = blocks.transpose(0, 1, 3, 2, 4).reshape(-1, BLOCK, BLOCK)
    inside = (blocks.min(axis=(1, 2)) > 1) & (blocks.max(axis=(1, 2)) < 254)
    found = dctn(blocks[inside], axes=(1, 2), norm="ortho")
    return np.stack([found[:, i, j] for i, j in ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0))], axis=1)


def _limits(samples: Samples) -> tuple[int, int]:
    limits = [(images.min(), images.max()) for images in _images(samples, samples.n)]
    return min(low for low, _ in limits), max(high for _, high in limits)


def _hashes(samples: Samples) -> list[bytes]:
    return [hashlib.blake2b(image.tobytes(), digest_size=16).digest()
            for images in _images(samples, samples.n) for image in images]


def _images(samples: Samples, n: int) -> Iterable[np.ndarray]:
    """The first n images, a shard at a time, NCHW uint8."""
    for shard in samples.shards:
        if n > 0:
            yield rows_of(shard)["images"][:n]
        n -= shard.rows


# Features

def check_features(generated: Features, extractor: str, store: Store) -> list[Alert]:
    """Alerts about identical features of different images; `extractor`: its name in the protocol."""
    key = digest_of({"stage": "gates", "features": generated.digest, "source": source_digest("gates")})
    same, distinct = remember(store, "gates", key, lambda: _repeated(generated))[0]
    n = generated.n
    if distinct == 1:
        return [Alert("FAIL", Caveat("blind", {"extractor": extractor, "n": n}), extractor)]
    if same > DUPLICATED * n:
        return [Alert("WARN", Caveat("same features", {"count": same, "n": n}), extractor)]
    return []


def _repeated(features: Features) -> list[int]:
    """How many feature vectors occur more than once, and how many distinct ones there are."""
    seen = Counter(hashlib.blake2b(row.tobytes(), digest_size=16).digest()
                   for chunk in Chunks(features) for row in np.ascontiguousarray(chunk))
    return [sum(count for count in seen.values() if count > 1), len(seen)]


# Scores

def too_few_images(n: int, d: int) -> Caveat | None:
    """The caveat of a Fréchet distance of few images; None if there are enough."""
    if n >= 5 * d:
        return None
    return Caveat("biased", {"n": n, "d": d}) if n > d else Caveat("no full rank", {"n": n, "d": d, "rank": n - 1})


def closer_than_real(value: float, se: float, floor: float | None, floor_se: float) -> Caveat | None:
    if floor is None or value >= floor - 3 * np.hypot(se, floor_se):
        return None
    return Caveat("closer than real")


def narrow(precision: float, recall: float) -> Caveat | None:
    if precision < PRECISE or recall > NARROW:
        return None
    return Caveat("narrow", {"precision": precision, "recall": recall})


def causes_for(alerts: Sequence[Alert], extractor: str) -> list[Caveat]:
    """The causes of alerts that concern the scores of an extractor."""
    return [alert.cause for alert in alerts if alert.extractor in ("", extractor)]
