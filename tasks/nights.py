"""A suite's nights in MLflow and in Prefect's UI."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from ganbench.gan.nightly.history import History, Night, Verdict, as_data
from ganbench.gan.nightly.sentences import alpha_left, event_sentence, headline, named, shorts, untold_sentence
from ganbench.gan.nightly.suite import Suite
from ganbench.gan.nightly.views import (
    UNTOLD,
    differences,
    gap_text,
    judged,
    metrics_of,
    picture,
    protocols_of,
    rows_of,
)
from ganbench.gan.report.markdown import escaped
from ganbench.gan.types import digest_of
from ganbench.tasks.artifacts import data_uri, linked
from ganbench.tasks.tracking.client import Tracked
from ganbench.tasks.tracking.histories import Curves, Step, log_history

MOST = 60       # nights in an artifact's table


@task(name="track night", task_run_name="log the history of {suite.name}", persist_result=False, cache_policy=NO_CACHE)
def track_night(suite: Suite, history: History) -> Tracked:
    """One run of MLflow for each suite: its metrics are the nights' values, its artifacts picture and history."""
    nights = history.nights()
    last, protocols = nights[-1], protocols_of(nights)
    with tempfile.TemporaryDirectory() as folder:
        for protocol in protocols:
            (Path(folder) / f"history-{len(list(Path(folder).iterdir()))}.png").write_bytes(
                picture(nights, protocol, suite.name))
        (Path(folder) / "history.json").write_text(json.dumps([*map(as_data, nights)], indent=1), "utf-8")
        return log_history(Curves(
            key=digest_of(["history", suite.name, str(history.folder)]), name=f"history of {suite.name}",
            steps=[Step(night.number, datetime.fromisoformat(night.ended).timestamp(), metrics_at(night, protocols))
                   for night in nights],
            note="\n\n".join([headline(last), *map(event_sentence, last.events)]), folder=folder,
            tags={"ganbench.suite": suite.name, "alerts": str(sum(row.said == "worse" for row in last.verdicts))},
        ))


def metrics_at(night: Night, protocols: Sequence[str]) -> dict[str, float]:
    """`kid/dcgan` of a night, and how many models are worse; `kid-2/dcgan` under the history's second protocol."""
    names, place = shorts(night), {protocol: f"-{k + 1}" if k else "" for k, protocol in enumerate(protocols)}
    values = {f"{names[metric]}{place[one.protocol]}/{one.entry}": score.value
              for one in night.observations for metric, score in one.scores.items() if score.decides}
    return {**values, "worse": float(len({row.entry for row in night.verdicts if row.said == "worse"}))}


def publish_night(suite: Suite, history: History, night: Night, tracked: Tracked) -> None:
    """The night as an artifact of the flow run: what it says, the picture, verdicts and history."""
    nights = history.nights()
    lines = [linked({"History in MLflow": tracked.url}) if tracked.url else "", f"## {escaped(headline(night))}", "",
             *(f"- {escaped(event_sentence(event))}" for event in night.events), "",
             f"{escaped(alpha_left(suite, night))}.".capitalize(), ""]
    for protocol in protocols_of(nights):
        with tempfile.NamedTemporaryFile(suffix=".png") as file:
            file.write(picture(nights, protocol, suite.name))
            file.flush()
            lines += [f"![History of {escaped(suite.name)}]({data_uri(file.name, height=9)})", ""]
        mine = [row for row in night.verdicts if row.protocol == protocol]
        lines += [*verdict_table(mine, shorts(night)), "", *history_table(nights, protocol), ""]
    create_markdown_artifact(markdown="\n".join(lines), key="night", description=headline(night))


def verdict_table(rows: Sequence[Verdict], names: dict[str, str]) -> list[str]:
    """What was judged, then differences that cannot be; on a first night, the baselines."""
    untold = [row for row in rows if row.said == UNTOLD]
    shown = judged(rows) or ([] if untold else rows)
    lines = ["| model | metric | verdict | difference | 95 % interval | margin | fresh draws |",
             "|---|---|---|---:|---|---:|---:|"] if shown else []
    for row in shown:
        ends = f"{gap_text(row.low, row.se)} to {gap_text(row.high, row.se)}"
        margin = "" if row.margin is None else f"{row.margin:.3g}"
        name = escaped(named(row.entry, row.snapshot))
        lines.append(f"| {name} | `{names.get(row.metric, row.metric)}` | {row.said} | "
                     f"{gap_text(row.difference, row.se)} | {ends} | {margin} | {row.draws} |")
    if untold:
        metrics, found = differences(rows)
        heads = " | ".join(f"`{names.get(metric, metric)}`" for metric in metrics)
        lines += ["", f"{escaped(untold_sentence(untold, names))} Differences from the baseline; above 0 is worse:", "",
                  f"| model | {heads} |", f"|---|{'---:|' * len(metrics)}",
                  *(f"| {' | '.join([escaped(model), *texts])} |" for model, *texts in found)]
    return lines


def history_table(nights: Sequence[Night], protocol: str) -> list[str]:
    metrics = metrics_of(nights, protocol)[:4]
    names = shorts(nights[-1])
    heads = [f"`{names.get(metric, metric)}`" for metric in metrics]
    lines = [f"| night | date | model | {' | '.join(heads)} | verdict | changed |",
             f"|---|---|---|{'---:|' * len(heads)}---|---|"]
    for row in rows_of(nights, protocol, metrics)[-MOST:]:
        name = named(row.model, row.snapshot)
        lines.append(f"| {row.night} | {row.date} | {escaped(name)} | {' | '.join(row.values)} | {row.verdict} | "
                     f"{row.changed} |")
    return lines
