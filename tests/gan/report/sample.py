"""A document as `gan.report.document` makes it, with made-up numbers, for tests of its forms."""

import numpy as np

METRICS = [("kid_net", True, True), ("fd_net", True, True), ("recall_net", False, True), ("ct_net", False, False)]


def document(names=("dcgan", "flow", "gpt"), seed=0, **changes):
    random = np.random.default_rng(seed)
    values = {metric: np.sort(random.uniform(0.01, 0.9, len(names))) for metric, _, _ in METRICS}
    models = [
        {
            "name": name, "family": "dcgan", "digest": f"{i:064x}",
            "cost": {"parameters": 369_600 + i, "bytes": 1_481_760, "evaluations": 1.0 + 9 * i,
                     "images_per_second": 9_000.5 / (i + 1), "peak_memory": 52_000_000, "measured_on": "a CPU"},
            "scores": [score(metric, float(values[metric][i])) for metric, _, _ in METRICS],
            "curve": [{"n": n, "value": 10 + 1_000 / n, "se": 0.3} for n in (125, 250, 500)],
        }
        for i, name in enumerate(names)
    ]   # fmt: skip
    return {
        "schema": 1, "title": ", ".join(names), "made": "2026-01-01T00:00:00+00:00",
        "protocol": {"name": "a protocol", "convention": "embedded", "matches": "", "reference": "data:test",
                     "held_out": "", "training": "", "n": 2_000, "n_reference": 10_000, "seed": 0, "digest": "ab" * 32,
                     "extractors": ["net"], "lead": "kid_net"},
        "metrics": [{"name": name, "title": name, "what": "how far", "paper": "Somebody 2020",
                     "lower_is_better": lower, "decides": decides}
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
    }   # fmt: skip


def score(metric, value):
    return {"metric": metric, "value": value, "se": 0.0123, "low": value - 0.024, "high": value + 0.024, "floor": 0.01,
            "warnings": []}     # fmt: skip


def ranking(metric, names, decides):
    pairs = [{"better": a, "worse": b, "gain": 0.11, "se": 0.02, "p": 0.0001, "significant": True}
             for i, a in enumerate(names) for b in names[i + 1 :]]      # fmt: skip
    return {
        "metric": metric, "models": list(names), "leaders": [names[0]] if decides else [],
        "ranks": {name: [i + 1, i + 1 + (i > 0)] for i, name in enumerate(names)},
        "first": {name: float(i == 0) for i, name in enumerate(names)},
        "interval": {name: [i + 1, i + 1] for i, name in enumerate(names)}, "pairs": pairs,
    }   # fmt: skip


def mixture(names):
    shares = np.linspace(2, 1, len(names))
    return {"metric": "kid_net", "models": list(names), "shares": (shares / shares.sum()).tolist(), "found_on": 1_000,
            "tested_on": 1_000, "value": 0.1, "se": 0.01, "best_single": names[0], "best_value": 0.2, "gain": 0.1,
            "gain_se": 0.02, "low": 0.06, "high": 0.14, "gap": 1e-9}     # fmt: skip
