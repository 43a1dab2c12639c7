"""`.eval_results/`: scores that belong to a benchmark of the Hub (https://huggingface.co/docs/hub/eval-results)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ganbench.gan.types import BadInput, Score

NAME = re.compile(r"(?P<data>[\w.-]+/[\w.-]+):(?P<task>[\w./-]+)(=(?P<metric>\w+))?")


@dataclass(frozen=True)
class Benchmark:
    """A data set of the Hub that is one, one of its tasks, and the metric that it wants; '': the leading one."""

    data: str
    task: str
    metric: str = ""


def benchmark_of(text: str) -> Benchmark | None:
    """`ORG/DATASET:TASK[=METRIC]`; None of ''."""
    if not text:
        return None
    found = NAME.fullmatch(text)
    if found is None:
        raise BadInput("malformed-name",
                       f"The value of --benchmark is {text!r}, expected ORG/DATASET:TASK, and =METRIC if it is not the "
                       "leading one.")
    return Benchmark(found["data"], found["task"], found["metric"] or "")


def eval_results(asked: Benchmark | None, scores: Sequence[Score]) -> tuple[str, str]:
    """The name of the file and its text: a list of one entry, as the Hub defines it."""
    import yaml

    if asked is None or not scores:
        raise BadInput("nothing-to-measure", "No score was measured that could be one of the benchmark's.")
    found = next((one for one in scores if one.metric == (asked.metric or scores[0].metric)), None)
    if found is None:
        known = ", ".join(one.metric for one in scores)
        raise BadInput("unknown-metric", f"No score {asked.metric!r} for the benchmark. Measured: {known}.")
    entry = {"dataset": {"id": asked.data, "task_id": asked.task}, "value": found.value,
             "notes": f"{found.metric}, {found.n:,} images, protocol {found.protocol}, by ganbench"}
    name = re.sub(r"[^a-z0-9]+", "_", f"{asked.data.rpartition('/')[2]}_{asked.task}".lower()).strip("_")
    return f".eval_results/{name}.yaml", yaml.safe_dump([entry], sort_keys=False, allow_unicode=True)
