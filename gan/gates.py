"""Sanity checks of images, features and scores: causes of misleading scores become alerts and caveats."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
TEETH, COMBS = 4, 3         # multiples that must differ, and coefficients of the five that must have a trace
VARIED, SIDE = 500, 16      # images whose diversity is measured, shrunk to about so many pixels a side
AT_ONCE = 50                # images that are shrunk together
ONE, FEW = 0.1, 0.25        # of the real images' diversity
NEAR, MANY = 0.03, 0.2     # of the distance of real images; a share of the images
ALIKE, LEAST = 1.2, 10      # different images: as good as one; the least number that shows diversity
DUPLICATED = 0.005          # share of exact duplicates from which on there is an alert
PRECISE, NARROW = 0.9, 0.1  # precision above and recall below: a small part of the real distribution


def check_images(generated: Samples, reference: Samples | None, store: Store) -> list[Alert]:
    """Alerts from the pixels; stored, since every image is read."""
    facts = {"stage": "gates", "generated": generated.digest, "reference": reference.digest if reference else ""}
    key = digest_of({**facts, "source": source_digest("gates")})

    def look() -> list[list[Any]]:
        alerts = of_range(generated)
        if not failures(alerts):
            alerts += of_pictures(generated, reference)
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


def of_pictures(generated: Samples, reference: Samples | None) -> list[Alert]:
    """What is said of all images together, the main cause first: where they are variants of a few pictures, nothing is
    said of what these pictures have in common."""
    copies = of_copies(generated, reference)
    if failures(copies):
        return copies
    few = of_diversity(generated, reference)
    if not few or few[0].cause.rule == "near duplicates":
        few = [] if any(alert.cause.rule == "same images" for alert in copies) else few
        return few + copies + of_compression(generated, reference)
    return few + copies


def of_diversity(generated: Samples, reference: Samples | None) -> list[Alert]:
    """Images that are variants of a few pictures: collapse; or that have near-duplicates."""
    n = min(VARIED, generated.n, reference.n if reference else generated.n)
    mine = diversity_of(generated, n)
    if mine is None:
        return []
    n = len(mine.nearest)
    real = diversity_of(reference, n) if reference else None
    if real is None or real.vendi < ALIKE:
        alike = reference is None and mine.vendi < ALIKE
        return [Alert("WARN", Caveat("one picture", {"n": n, "vendi": mine.vendi}))] if alike else []
    if is_collapsed(mine, real):
        return [Alert("WARN", Caveat("collapsed", {"n": n, "vendi": mine.vendi, "real": real.vendi}))]
    share, usual = near_duplicates(mine, real), near_duplicates(real, real)
    return [Alert("WARN", Caveat("near duplicates", {"share": share, "real": usual}))] if share > usual + MANY else []


@dataclass(frozen=True)
class Diversity:
    """The Vendi score, the effective number of different images (Friedman & Dieng 2023, arXiv:2210.02410); and
    how far each is from the one nearest to it, 1 less the cosine, (n,)."""

    vendi: float
    nearest: np.ndarray


def is_collapsed(mine: Diversity, real: Diversity) -> bool:
    """Beside as many real images: one picture again and again, or a few, each of which has near-duplicates."""
    part = (mine.vendi - 1) / (real.vendi - 1)
    return part < ONE or (part < FEW and near_duplicates(mine, real) > 0.5)


def near_duplicates(mine: Diversity, real: Diversity) -> float:
    """The share of the images whose nearest one is much nearer than is usual among real ones."""
    return float(np.mean(mine.nearest < NEAR * np.median(real.nearest)))


def collapsed(generated: Samples, reference: Samples) -> dict[str, Any] | None:
    """What `of_diversity` says of collapse, if it does."""
    causes = [alert.cause for alert in of_diversity(generated, reference)]
    return next((dict(cause.facts) for cause in causes if cause.rule == "collapsed"), None)


def diversity_of(samples: Samples, n: int) -> Diversity | None:
    """Of the first n images, each once, small and made equally bright and rich in contrast, so that neither these nor
    a little noise count.  None where most images are flat, with nothing in them, or too few differ at all."""
    small = np.unique(small_pictures(samples, n), axis=0)
    length = np.linalg.norm(small, axis=1, keepdims=True)
    if len(small) < LEAST or np.mean(length < np.sqrt(small.shape[1])) > 0.5:      # a grey level of contrast
        return None
    small /= np.maximum(length, 1e-9)
    w = np.linalg.svd(small, compute_uv=False) ** 2 / len(small)
    w = w[w > 1e-12] / w.sum()
    alike = small @ small.T
    np.fill_diagonal(alike, -1)
    return Diversity(float(np.exp(-(w * np.log(w)).sum())), 1 - alike.max(axis=1))


def small_pictures(samples: Samples, n: int) -> np.ndarray:
    """The first n images: (n, d) float64 means over blocks, less the mean of the image."""
    parts = [images[start : start + AT_ONCE] for images in _images(samples, n)
             for start in range(0, len(images), AT_ONCE)]
    return np.concatenate([_small(part) for part in parts])


def _small(images: np.ndarray) -> np.ndarray:
    """NCHW uint8 -> (n, d) float64."""
    n, channels, height, width = images.shape
    down, right = max(1, height // SIDE), max(1, width // SIDE)
    cut = images[:, :, : height // down * down, : width // right * right].astype(np.float64)
    small = cut.reshape(n, channels, height // down, down, width // right, right).mean(axis=(3, 5)).reshape(n, -1)
    return small - small.mean(axis=1, keepdims=True)


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
    cos(2 pi c / q) over the c that are not near 0 is close to 1; for a smooth distribution of c it is close to 0.  JPEG
    does so to every coefficient, and at every multiple: a few repeated images, flat areas and drawings in two tones
    have few values, so each multiple counts once, and there must be several, of several coefficients.
    """
    found = [_coefficients(images) for images in _images(samples, LOOKED_AT)]
    coefficients = np.unique(np.concatenate(found), axis=0)             # (blocks, 5), the same block once
    traces = sorted((max((_trace(c, q), q) for q in STEPS) for c in coefficients.T), reverse=True)
    return traces[COMBS - 1][0], traces[0][1]


def _trace(c: np.ndarray, q: int) -> float:
    """Of one coefficient (blocks,) and one step; 0 where too few of them say anything."""
    beyond = c[np.abs(c) > q / 2]
    multiple, place = np.unique(np.rint(beyond / q), return_inverse=True)
    counts = np.bincount(place, minlength=len(multiple))
    if len(beyond) < ENOUGH or 1 / ((counts / max(1, len(beyond))) ** 2).sum() < TEETH:
        return 0.0
    mean = np.bincount(place, np.cos(2 * np.pi * beyond / q), minlength=len(multiple)) / counts
    weight = np.sqrt(counts)
    return float(min(mean @ weight / weight.sum(), np.cos(2 * np.pi * beyond / q).mean()))


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
