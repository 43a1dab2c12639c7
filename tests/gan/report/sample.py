"""A document as `ganbench.gan.report.document` makes it, with made-up numbers, for tests of its forms."""

import numpy as np

from ganbench.gan.costs import Cost
from ganbench.gan.findings.analysis import Analysis, Slice
from ganbench.gan.findings.appearance import Appearance
from ganbench.gan.findings.copies import Memorisation
from ganbench.gan.findings.gallery import Gallery, Item
from ganbench.gan.findings.modes import Mode
from ganbench.gan.findings.spectrum import Spectrum
from ganbench.gan.published import Published
from ganbench.gan.report.document import (
    CurvePoint,
    Document,
    Front,
    MetricFacts,
    MixtureFacts,
    ModelFacts,
    PairFacts,
    ProtocolFacts,
    Provenance,
    RankingFacts,
    ScoreFacts,
    analysis_of,
    title_of,
)
from ganbench.gan.report.exhibits import Cloud, Map, Walls
from ganbench.gan.tables import Cell, Row, ScoreTable
from ganbench.gan.types import Estimate, Finding

METRICS = [("kid_net", "kid", "lower"), ("fd_net", "fd", "lower"), ("precision_net", "precision", "higher"),
           ("recall_net", "recall", "higher"), ("ct_net", "ct", "undecided")]


def document(names=("dcgan", "flow", "gpt"), seed=0, classes=("Coat", "Trouser"), **changes):
    random = np.random.default_rng(seed)
    values = {metric: np.sort(random.uniform(0.01, 0.9, len(names))) for metric, _, _ in METRICS}
    rows = tuple(Row(metric, better, tuple(cell(float(values[metric][i]), i == 0 and better != "undecided",
                                                0.95 if better == "higher" else 0.01)
                                           for i in range(len(names)))) for metric, _, better in METRICS)
    made = {
        "schema": 3, "title": title_of(names, "data:test"), "made": "2026-01-01T00:00:00+00:00",
        "protocol": ProtocolFacts("a protocol", "embedded", "", "data:test", "", "", 2_000, 10_000, 0, "ab" * 32,
                                  ("net",), "kid_net", {"Coat": "manteaux"}),
        "metrics": tuple(MetricFacts(name, row, "net", name, "how far", "Somebody 2020", better == "lower",
                                     better != "undecided") for name, row, better in METRICS),
        "models": tuple(model(name, i, classes) for i, name in enumerate(names)),
        "scores": tuple(ScoreFacts(name, row.name, kind, "net", found.value, found.se, found.floor, 2_000, "a protocol",
                                   (), ()) for i, name in enumerate(names)
                        for row, (_, kind, _) in zip(rows, METRICS, strict=True) for found in row.cells[i : i + 1]),
        "table": ScoreTable(tuple(names), rows, ()),
        "rankings": tuple(ranking(metric, row, names, better) for metric, row, better in METRICS),
        "front": Front("kid_net", "images_per_second", (names[0],)),
        "disagreements": (),
        "published": (Published("EDM", "diffusion", "data:test", 32, "kid_net", 1.97, None, "embedded", 2_000, None,
                                "Karras 2022", "2206.00364", "table 2", "https://arxiv.org/abs/2206.00364", "read"),),
        "ensemble": mixture(names) if len(names) > 1 else None,
        "provenance": Provenance({"torch": "2.15.0"}, ("ganbench compare a b",), {name: {"n": 2} for name in names}),
        "real_curve": tuple(CurvePoint(n, 5 + 500 / n, 0.2) for n in (125, 250, 500)),
        "walls": Walls(classes, ((0, 1, 2, 3, -1) * len(classes),) * (len(names) + 1)),
        "map": Map("net", (0.25, 0.125), classes, tuple(cloud(random) for _ in (*names, "real"))),
            "trainings": (),
    }
    return Document(**{**made, **changes})


def cloud(random, n=12):
    x, y = random.normal(size=(2, n)).round(3).tolist()
    return Cloud(tuple(x), tuple(y), (0, 1, -1) * (n // 3))


def cell(value, best=False, floor=0.01):
    return Cell(value, 0.0123, value - 0.024, value + 0.024, floor, 3, best)


def model(name, i, classes=("Coat", "Trouser"), by="class"):
    cost = Cost(369_600 + i, 1_481_760, 1.0 + 9 * i, 9_000.5 / (i + 1), 52_000_000, "a CPU", 2,
                8_100.25 / (i + 1), 9_400.75 / (i + 1))
    curve = tuple(CurvePoint(n, 10 + 1_000 / n, 0.3) for n in (125, 250, 500))
    leads = ("kid_net", "fd_net") if i == 0 else ()
    return ModelFacts(name, "dcgan", f"{i:064x}", cost, curve, leads,
                      analysis_of(analysis(i, classes, by), {"Coat": "manteaux"}))


def analysis(seed, classes=("Coat", "Trouser"), by="class"):
    random = np.random.default_rng(seed)
    findings = (
        Finding("alert", "missing", {"name": classes[0], "by": by, "share": 0.004, "expected": 0.1}, 1e-9, "slices"),
        Finding("warning", "blurred", {"decibels": -1.5, "se": 0.1, "share": 0.71}, 0.002, "slices"),
        Finding("strength", "no_lattice", {}, None, "slices"),
    )
    slices = tuple(Slice(name, estimate(random), estimate(random), 0.3, estimate(random), None, estimate(random),
                         estimate(random), estimate(random)) for name in classes)
    looks = tuple(Appearance(name, 60.5, 58.25, estimate(random), 1.5, 0.2, [0.0, 1.0, 2.0], [0.5, 0.5], [0.4, 0.6],
                             estimate(random)) for name in ("brightness", "sharpness", "hue"))
    spectrum = Spectrum([0.1, 0.2, 0.3], [9.0, 4.0, 0.0], [0.5, 0.3, 0.0], [9.5, 4.5, 1.0], [0.5, 0.3, 0.1])
    memory = Memorisation(estimate(random), estimate(random), 0.5, 10_000)
    modes = (Mode([1, 2], estimate(random), estimate(random)),)
    return Analysis(findings, by, slices, spectrum, looks, modes, memory,
                    Gallery(*[[Item(3, 5, "reference", 1.5)] for _ in range(6)]))


def estimate(random):
    return Estimate(float(random.uniform(0, 0.2)), float(random.uniform(0.001, 0.01)))


def ranking(metric, row, names, better):
    pairs = tuple(PairFacts(a, b, 0.11, 0.02, 0.0001, True) for i, a in enumerate(names) for b in names[i + 1 :])
    return RankingFacts(
        metric, row, "net", tuple(names), (names[0],) if better != "undecided" else (),
        tuple((name,) for name in names), {name: (i + 1, i + 1 + (i > 0)) for i, name in enumerate(names)},
        {name: float(i == 0) for i, name in enumerate(names)}, {name: (i + 1, i + 1) for i, name in enumerate(names)},
        pairs,
    )


def mixture(names, **changes):
    shares = np.linspace(2, 1, len(names))
    made = {"metric": "kid_net", "models": tuple(names), "shares": tuple((shares / shares.sum()).tolist()),
            "found_on": 1_000, "tested_on": 1_000, "value": 0.1, "se": 0.01, "best_single": names[0],
            "best_value": 0.2, "gain": 0.1, "gain_se": 0.02, "low": 0.06, "high": 0.14, "gap": 1e-9}
    return MixtureFacts(**{**made, **changes})
