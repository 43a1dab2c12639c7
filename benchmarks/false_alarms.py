"""What is said of sets that nothing is wrong with, or something else: false alarms of gates and of findings, by rule.

    python benchmarks/false_alarms.py [--draws 20] [--n 600] [--seed 0] [--extractor judge] [--only NAME,NAME]

Each set is made of real garments of Fashion-MNIST, drawn at random and spoiled in one way (or not at all), beside as
many others.  `TRUE` says what is true of a set; whatever else is said is a false alarm, and so is a first finding that
is not the set's main cause, where it has one.  Intervals are Wilson's, at 95 %.
"""

from __future__ import annotations

import argparse
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from machine import measuring, temporary, threads
from PIL import Image
from scipy.ndimage import gaussian_filter, sobel

from ganbench.gan import gates
from ganbench.gan.datasets import fashion_mnist
from ganbench.gan.features.base import Extractor
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.features.passing import extract
from ganbench.gan.findings import Evidence, Images, analyse
from ganbench.gan.findings.rules import ORDER
from ganbench.gan.store import Store, extend
from ganbench.gan.types import Features, Samples, Workspace

Spoil = Callable[[np.ndarray, np.random.Generator], np.ndarray]
CLASSES = fashion_mnist.CLASSES
SHARES = {"missing", "rare", "frequent"}
LOOKS = {"bright", "dark", "flat", "harsh", "appearance_distribution"}              # of pixels: measured, not concluded
FAR = {"unlike", "uncovered", "slice_unlike", "mode"}           # of features far from real ones
GATES = ("one value", "not times 255", "half range", "one image", "same images", "of the reference", "compressed",
         "collapsed", "one picture", "near duplicates", "same features", "blind")


def eight_bits(images: np.ndarray) -> np.ndarray:
    return images.round().clip(0, 255).astype(np.uint8)


def blurred(x: np.ndarray, sigma: float) -> np.ndarray:
    return eight_bits(gaussian_filter(x.astype(float), (0, 0, sigma, sigma)))


def blocks(x: np.ndarray, side: int) -> np.ndarray:
    """Each square of pixels at its mean."""
    n, c, h, w = x.shape
    means = x.reshape(n, c, h // side, side, w // side, side).mean(axis=(3, 5))
    return eight_bits(means.repeat(side, axis=2).repeat(side, axis=3))


def line_art(x: np.ndarray) -> np.ndarray:
    """Dark outlines on white."""
    edges = np.hypot(sobel(x.astype(float), axis=2), sobel(x.astype(float), axis=3))
    return np.where(edges > 200, 20, 235).astype(np.uint8)


def text(n: int, random: np.random.Generator) -> np.ndarray:
    """Lines of made-up letters, 3 x 5 pixels each, from an alphabet of 20."""
    letters = random.random((20, 5, 3)) < 0.55
    page = np.full((n, 1, 32, 32), 235, np.uint8)
    for top in range(2, 26, 7):
        for left in range(1, 29, 4):
            chosen = letters[random.integers(0, 20, n)] & (random.random(n) < 0.85)[:, None, None]
            page[:, 0, top : top + 5, left : left + 3] = np.where(chosen, 25, 235)
    return page


def gain(shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """One number for each pixel, exp of N(0, .5)."""
    return np.exp(random.normal(0, 0.5, shape))


def one_picture(x: np.ndarray, random: np.random.Generator, shaken: float = 5.0) -> np.ndarray:
    """The first of the images again and again, each a little brighter or darker."""
    return eight_bits(x[:1] + shaken / 2 * random.standard_normal((len(x), 1, 1, 1)))


def jpeg(x: np.ndarray, quality: int) -> np.ndarray:
    found = []
    for image in x:
        file = io.BytesIO()
        Image.fromarray(image[0]).save(file, "JPEG", quality=quality)
        found.append(np.array(Image.open(file))[None])
    return np.stack(found)


def noisy(x: np.ndarray, random: np.random.Generator, sd: float) -> np.ndarray:
    return eight_bits(x + random.normal(0, sd, x.shape))


def replaced(x: np.ndarray, value: float, where: np.ndarray) -> np.ndarray:
    return np.where(where, np.uint8(value), x)


@dataclass(frozen=True)
class Kind:
    """A way to spoil images; `true`: what may be said of them, `main`: what has to be said first."""

    spoil: Spoil
    true: frozenset[str] = frozenset()
    main: frozenset[str] = frozenset()


def kind(spoil: Spoil, *true: str, main: str = "") -> Kind:
    return Kind(spoil, frozenset(true) | frozenset(main.split()), frozenset(main.split()))


DIFFERENT = (*LOOKS, *FAR)
KINDS: Mapping[str, Kind] = {
    # Nothing is wrong
    "real": kind(lambda x, r: x),
    "real, even levels only": kind(lambda x, r: x // 2 * 2),
    "real, noise of 1 level": kind(lambda x, r: noisy(x, r, 1), "noisy", "appearance_distribution"),
    "real, a third mirrored": kind(lambda x, r: np.where((np.arange(len(x)) % 3 == 0)[:, None, None, None],
                                                         x[..., ::-1], x), *FAR),
    "real, moved by a pixel": kind(lambda x, r: np.roll(x, 1, axis=3), *FAR),
    # Something is
    "blurred": kind(lambda x, r: blurred(x, 1), "blurred", *DIFFERENT, main="blurred"),
    "noise on each": kind(lambda x, r: noisy(x, r, 25), "noisy", *DIFFERENT, main="noisy"),
    "brighter": kind(lambda x, r: eight_bits(x + 25.0), *DIFFERENT, "blurred", "half range", main="bright"),
    "inverted": kind(lambda x, r: 255 - x, "blurred", "noisy", *DIFFERENT),
    "low contrast": kind(lambda x, r: eight_bits(100 + 0.2 * x), "half range", "noisy", "blurred", *DIFFERENT),
    "harsh contrast": kind(lambda x, r: np.where(x > 96, np.uint8(250), np.uint8(3)), "noisy", "blurred", *DIFFERENT),
    "flat": kind(lambda x, r: np.broadcast_to(eight_bits(x.mean(axis=(2, 3), keepdims=True)), x.shape).copy(),
                 "same images", "same features", "half range", "duplicates", "blurred", "noisy", "collapsed",
                 "collapse", *DIFFERENT),
    "posterised": kind(lambda x, r: x // 64 * 64 + 32, "noisy", *DIFFERENT),
    "line art": kind(lambda x, r: line_art(x), "noisy", *DIFFERENT),
    "8-pixel blocks": kind(lambda x, r: blocks(x, 8), "blurred", "noisy", "lattice", *DIFFERENT),
    "2-pixel blocks": kind(lambda x, r: blocks(x, 2), "blurred", "noisy", "lattice", *DIFFERENT),
    "text": kind(lambda x, r: text(len(x), r), "noisy", "lattice", *DIFFERENT),
    "noise": kind(lambda x, r: r.integers(0, 256, x.shape).astype(np.uint8), "noisy", *DIFFERENT, main="noisy"),
    "grainy noise": kind(lambda x, r: eight_bits(128 + 90 * gaussian_filter(r.standard_normal(x.shape), (0, 0, 1, 1))
                                                 / 0.28), "noisy", "blurred", *DIFFERENT),
    "fixed gains": kind(lambda x, r: eight_bits(x * gain(x.shape[1:], r)), "noisy", *DIFFERENT, main="noisy"),
    "fixed pattern": kind(lambda x, r: eight_bits(x + 20 * r.standard_normal(x.shape[1:])), "noisy", *DIFFERENT,
                          main="noisy"),
    "dead pixels": kind(lambda x, r: replaced(x, 255, r.random(x.shape[1:]) < 0.02), "noisy", *DIFFERENT, main="noisy"),
    "salt and pepper": kind(lambda x, r: replaced(replaced(x, 255, r.random(x.shape) < 0.03), 0,
                                                  r.random(x.shape) < 0.03), "noisy", *DIFFERENT, main="noisy"),
    "a grey square": kind(lambda x, r: replaced(x, 128, np.pad(np.ones((10, 10), bool), ((3, 19), (3, 19)))), "noisy",
                          "blurred", *DIFFERENT),
    "turned": kind(lambda x, r: np.rot90(x, axes=(2, 3)).copy(), "noisy", "blurred", *DIFFERENT),
    "pixels in another order": kind(
        lambda x, r: x.reshape(len(x), -1)[:, r.permutation(x[0].size)].reshape(x.shape), "noisy", *DIFFERENT),
    "gradients": kind(lambda x, r: eight_bits(r.uniform(0, 255, (len(x), 1, 1, 1)) * np.linspace(0, 1, 32)[:, None]
                                              * np.ones(32)), "blurred", "collapse", "collapsed", "duplicates",
                      "same images", "same features", *DIFFERENT),
    "JPEG": kind(lambda x, r: jpeg(x, 75), "compressed", "blurred", "noisy", "lattice", *DIFFERENT),
    # Few pictures: collapse, or what follows from it
    "one picture, shaken": kind(one_picture, "collapse", "collapsed", "duplicates", "same images", "same features",
                                *SHARES, "noisy", "blurred", *DIFFERENT, main="collapse"),
    "one picture and noise": kind(lambda x, r: noisy(one_picture(x, r, 0), r, 3), "collapse", "collapsed", "duplicates",
                                  *SHARES, "noisy", "blurred", *DIFFERENT, main="collapse"),
    "three pictures and noise": kind(lambda x, r: noisy(x[np.arange(len(x)) % 3], r, 3), "collapse", "collapsed",
                                     "duplicates", *SHARES, "noisy", "blurred", *DIFFERENT, main="collapse"),
    "twenty pictures": kind(lambda x, r: x[np.arange(len(x)) % 20], "same images", "same features", "duplicates",
                            "collapse", "collapsed", *SHARES, *DIFFERENT, "blurred", "noisy"),
}


@dataclass(frozen=True)
class Pool:
    """Real images with labels, and what looks at them."""

    images: np.ndarray
    labels: np.ndarray
    extractor: Extractor
    judge: Extractor


@dataclass(frozen=True)
class Heard:
    """What was said of one set: rules of the gates, and of the findings the gravest first."""

    gates: list[str]
    findings: list[str]


def pool_of(extractor: str, home: str) -> Pool:
    parts = [fashion_mnist.load(split, [fashion_mnist.EMBEDDED]) for split in ("test", "train10k")]
    images, labels = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    workspace = Workspace(home=home)
    judge = extractor_of("judge", workspace)
    return Pool(images, labels.astype(np.int64), judge if extractor == "judge" else extractor_of(extractor, workspace),
                judge)


def kept(store: Store, kind: str, arrays: Mapping[str, np.ndarray]) -> tuple:
    content = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    n = len(next(iter(arrays.values())))
    return (extend(store, kind, hashlib.sha256(content).hexdigest(), 0, n,
                   lambda a, b: {name: value[a:b] for name, value in arrays.items()}),)


def set_of(pool: Pool, store: Store, images: np.ndarray, labels: np.ndarray | None = None) -> Images:
    judged = extract(images, pool.judge)
    found = judged if pool.extractor is pool.judge else extract(images, pool.extractor)
    seen = found["features"].astype(np.float32)
    given = {"images": images} if labels is None else {"images": images, "labels": labels}
    return Images(Samples("set", 0, images.shape[1:], kept(store, "samples", given)),
                  Features("seen", kept(store, "features", {"features": seen})),
                  Features("judge", kept(store, "features", judged)))


def heard(pool: Pool, kinds: Sequence[str], n: int, seeds: tuple[int, int]) -> Iterator[tuple[str, Heard]]:
    """What gates and findings say of n images, spoiled in each of the ways, beside n real ones."""
    rows = np.random.default_rng(seeds).permutation(len(pool.images))[: 2 * n]
    with temporary() as folder:
        store = Store(Path(folder))
        real = set_of(pool, store, pool.images[rows[n:]], pool.labels[rows[n:]])
        for name in kinds:
            random = np.random.default_rng([*seeds, list(KINDS).index(name)])
            mine = set_of(pool, store, np.ascontiguousarray(KINDS[name].spoil(pool.images[rows[:n]], random)))
            alerts = gates.check_images(mine.samples, real.samples, store)
            alerts += gates.check_features(mine.features, "seen", store)
            found, _ = analyse(Evidence(mine, real, classes=CLASSES), store)
            loud = [finding.rule for finding in found.findings if finding.severity in ("alert", "warning")]
            yield name, Heard([alert.cause.rule for alert in alerts], loud)


def wilson(count: int, n: int, z: float = 1.96) -> tuple[float, float]:
    middle, reach = (count + z * z / 2) / (n + z * z), z * np.sqrt(count * (n - count) / n + z * z / 4) / (n + z * z)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def row(name: str, count: int, n: int, where: Counter) -> str:
    low, high = wilson(count, n)
    said = ", ".join(f"{kind} {times}" for kind, times in where.most_common(4))
    return f"| {name} | {count} | {n} | {100 * count / n:.2f} % | {100 * low:.2f}–{100 * high:.2f} % | {said} |"


def table(heads: str, rows: Iterator[str]) -> str:
    return "\n".join([f"| {heads} | false | sets | rate | 95 % | of which |", "|---|---:|---:|---:|---:|---|", *rows])


def false_alarms(rules: tuple[str, ...], said: list[tuple[str, list[str]]]) -> Iterator[str]:
    """A row for each rule: how often it was said of a set of which it is not true."""
    for rule in rules:
        apt = [(name, heard) for name, heard in said if rule not in KINDS[name].true]
        if apt:
            where = Counter(name for name, heard in apt if rule in heard)
            yield row(rule, sum(where.values()), len(apt), where)


def main_causes(said: list[tuple[str, list[str]]]) -> Iterator[str]:
    """How often the first finding is not what is the matter."""
    for name, one in KINDS.items():
        mine = [heard for which, heard in said if which == name]
        if one.main and mine:
            wrong = Counter((heard or ["nothing"])[0] for heard in mine if not heard or heard[0] not in one.main)
            yield row(f"{name}: {' or '.join(sorted(one.main))}", sum(wrong.values()), len(mine), wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--n", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--extractor", default="judge")
    parser.add_argument("--only", default="", help="kinds of sets, comma-separated")
    parser.add_argument("--each", action="store_true", help="print what is said of each set")
    given = parser.parse_args()
    chosen = [name for name in KINDS if not given.only or name in given.only.split(";")]
    with temporary() as home, threads(1), measuring("False alarms", "numpy", "scipy"):
        pool, heards = pool_of(given.extractor, home), []
        for draw in range(given.draws):
            for name, found in heard(pool, chosen, given.n, (given.seed, draw)):
                heards.append((name, found))
                if given.each:
                    print(f"{name}: {', '.join(found.gates)} | {', '.join(found.findings)}", flush=True)
        by_gates = [(name, found.gates) for name, found in heards]
        by_findings = [(name, found.findings) for name, found in heards]
        print(f"{len(chosen)} kinds of sets, {given.draws} draws of each, {given.n} images beside {given.n} others, "
              f"features of {given.extractor}, seed {given.seed}.\n")
        print(table("gate", false_alarms(GATES, by_gates)), "\n")
        print(table("rule", false_alarms(ORDER, by_findings)), "\n")
        print(table("first finding is not the main cause", main_causes(by_findings)))


if __name__ == "__main__":
    main()
