"""A document as `ganbench.gan.report.document` makes it, with made-up numbers, for tests of its forms."""

import numpy as np

from ganbench.gan.types import Finding
from ganbench.gan.words import LANGUAGES, sentence

METRICS = [("kid_net", True, True), ("fd_net", True, True), ("recall_net", False, True), ("ct_net", False, False)]
ROWS = {"kid_net": "kid", "fd_net": "fd", "recall_net": "recall", "ct_net": "ct"}


def document(names=("dcgan", "flow", "gpt"), seed=0, **changes):
    random = np.random.default_rng(seed)
    values = {metric: np.sort(random.uniform(0.01, 0.9, len(names))) for metric, _, _ in METRICS}
    models = [
        {
            "name": name, "family": "dcgan", "digest": f"{i:064x}",
            "cost": {"parameters": 369_600 + i, "bytes": 1_481_760, "evaluations": 1.0 + 9 * i,
                     "images_per_second": 9_000.5 / (i + 1), "peak_memory": 52_000_000, "measured_on": "a CPU",
                     "cores": 2},
            "scores": [score(metric, float(values[metric][i])) for metric, _, _ in METRICS],
            "curve": [{"n": n, "value": 10 + 1_000 / n, "se": 0.3} for n in (125, 250, 500)],
            "leads": ["kid_net", "fd_net"] if i == 0 else [], "analysis": analysis(i),
        }
        for i, name in enumerate(names)
    ]
    return {
        "schema": 1, "title": ", ".join(names), "made": "2026-01-01T00:00:00+00:00",
        "protocol": {"name": "a protocol", "convention": "embedded", "matches": "", "reference": "data:test",
                     "held_out": "", "training": "", "n": 2_000, "n_reference": 10_000, "seed": 0, "digest": "ab" * 32,
                     "extractors": ["net"], "lead": "kid_net"},
        "metrics": [{"name": name, "row": ROWS[name], "extractor": "net", "title": name, "what": "how far",
                     "paper": "Somebody 2020", "lower_is_better": lower, "decides": decides}
                    for name, lower, decides in METRICS],
        "models": models,
        "rankings": [ranking(metric, names, decides) for metric, _, decides in METRICS],
        "front": {"metric": "kid_net", "cost": "images_per_second", "models": [names[0]]},
        "disagreements": [],
        "published": [{"model": "EDM", "metric": "kid_net", "value": 1.97, "spread": None, "paper": "Karras 2022",
                       "arxiv": "2206.00364", "table": "table 2", "checked": "read"}],
        "ensemble": mixture(names) if len(names) > 1 else None,
        "provenance": {"versions": {"torch": "2.15.0"}, "commands": ["ganbench compare a b"]},
        **changes,
    }


def analysis(seed, by="class"):
    random = np.random.default_rng(seed)
    findings = [
        finding("alert", "missing", {"name": "Coat", "by": by, "share": 0.004, "expected": 0.1}, 1e-9),
        finding("warning", "blurred", {"decibels": -1.5, "se": 0.1, "share": 0.71}, 0.002),
        finding("strength", "no_lattice", {}, None),
    ]
    slices = [
        {"name": name, "p": 0.3, "cost": estimate(random), "share": estimate(random), "real_share": estimate(random),
         "precision": estimate(random), "recall": None, "coverage": estimate(random), "kid": estimate(random)}
        for name in ("Coat", "Trouser")
    ]
    looks = [{"name": name, "generated_mean": 60.5, "real_mean": 58.25, "difference": estimate(random), "distance": 1.5,
              "p": 0.2, "edges": [0.0, 1.0, 2.0], "generated": [0.5, 0.5], "real": [0.4, 0.6],
              "adjusted": estimate(random)} for name in ("brightness", "sharpness", "hue")]
    spectrum = {"frequency": [0.1, 0.2, 0.3], "generated": [9.0, 4.0, 0.0], "generated_se": [0.5, 0.3, 0.0],
                "real": [9.5, 4.5, 1.0], "real_se": [0.5, 0.3, 0.1]}
    item = {"image": 3, "nearest": 5, "set": "reference", "value": 1.5}
    return {
        "findings": findings, "by": by, "slices": slices, "spectrum": spectrum, "appearance": looks,
        "modes": [{"images": [1, 2], "share": estimate(random), "real_share": estimate(random)}],
        "memorisation": {"copies": estimate(random), "nearer": estimate(random), "p": 0.5, "n_training": 10_000},
        "gallery": {name: [item] for name in ("best", "worst", "typical", "novel", "duplicated", "copies")},
    }


def finding(severity, rule, facts, p):
    made = Finding(severity, rule, facts, p, "slices")
    return {"severity": severity, "rule": rule, "facts": facts, "p": p, "figure": "slices",
            "sentence": {language: sentence(made, language) for language in LANGUAGES}}


def estimate(random):
    return {"value": float(random.uniform(0, 0.2)), "se": float(random.uniform(0.001, 0.01))}


def score(metric, value):
    return {"metric": metric, "value": value, "se": 0.0123, "low": value - 0.024, "high": value + 0.024, "floor": 0.01,
            "caveats": []}


def ranking(metric, names, decides):
    pairs = [{"better": a, "worse": b, "gain": 0.11, "se": 0.02, "p": 0.0001, "significant": True}
             for i, a in enumerate(names) for b in names[i + 1 :]]
    return {
        "metric": metric, "row": ROWS[metric], "extractor": "net", "models": list(names),
        "groups": [[name] for name in names],
        "leaders": [names[0]] if decides else [],
        "ranks": {name: [i + 1, i + 1 + (i > 0)] for i, name in enumerate(names)},
        "first": {name: float(i == 0) for i, name in enumerate(names)},
        "interval": {name: [i + 1, i + 1] for i, name in enumerate(names)}, "pairs": pairs,
    }


def mixture(names):
    shares = np.linspace(2, 1, len(names))
    return {"metric": "kid_net", "models": list(names), "shares": (shares / shares.sum()).tolist(), "found_on": 1_000,
            "tested_on": 1_000, "value": 0.1, "se": 0.01, "best_single": names[0], "best_value": 0.2, "gain": 0.1,
            "gain_se": 0.02, "low": 0.06, "high": 0.14, "gap": 1e-9}
