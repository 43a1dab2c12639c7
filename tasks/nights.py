"""A suite's nights in MLflow and in Prefect's UI."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from ganbench.gan.nightly.history import History, Night, as_data
from ganbench.gan.nightly.sentences import alpha_left, event_sentence, headline, shorts, told
from ganbench.gan.nightly.suite import Suite
from ganbench.gan.nightly.tables import WORDS, Table, history_table, verdict_tables
from ganbench.gan.nightly.views import picture, protocols_of
from ganbench.gan.report.html import data_url
from ganbench.gan.report.markdown import escaped
from ganbench.gan.report.templates import render
from ganbench.gan.types import digest_of
from ganbench.tasks.artifacts import data_uri, linked
from ganbench.tasks.tracking.client import Tracked
from ganbench.tasks.tracking.histories import Curves, Step, log_history

MOST = 60       # nights in an artifact's table


@task(name="track night", task_run_name="log the history of {suite.name}", persist_result=False, cache_policy=NO_CACHE)
def track_night(suite: Suite, history: History, pictures: Mapping[str, bytes]) -> Tracked:
    """One run of MLflow for each suite: its metrics are the nights' values, its artifacts picture and history."""
    nights = history.nights()
    last, protocols = nights[-1], protocols_of(nights)
    with tempfile.TemporaryDirectory() as folder:
        for k, protocol in enumerate(protocols):
            (Path(folder) / f"history-{k}.png").write_bytes(pictures[protocol])
        (Path(folder) / "history.html").write_text(history_page(nights, suite.name, pictures), "utf-8")
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


def pictures_of(nights: Sequence[Night], name: str) -> dict[str, bytes]:
    """A PNG of each protocol's history."""
    return {protocol: picture(nights, protocol, name) for protocol in protocols_of(nights)}


def publish_night(
    suite: Suite, history: History, night: Night, tracked: Tracked, pictures: Mapping[str, bytes]
) -> None:
    """The night as an artifact of the flow run: what it says, the picture, verdicts and history."""
    nights = history.nights()
    lines = [linked({"History in MLflow": tracked.url}) if tracked.url else "", f"## {escaped(headline(night))}", "",
             *(f"- {escaped(event_sentence(event))}" for event in night.events), "",
             f"{escaped(alpha_left(suite, night))}.".capitalize(), ""]
    for protocol in protocols_of(nights):
        with tempfile.NamedTemporaryFile(suffix=".png") as file:
            file.write(pictures[protocol])
            file.flush()
            lines += [f"![History of {escaped(suite.name)}]({data_uri(file.name, height=9)})", ""]
        tables = [*verdict_tables(night, protocol), history_table(nights, protocol, MOST)]
        lines += [line for table in tables for line in in_markdown(table)]
    create_markdown_artifact(markdown="\n".join(lines), key="night", description=headline(night))


def history_page(nights: Sequence[Night], name: str, pictures: Mapping[str, bytes]) -> str:
    """The history as one HTML page, with nothing outside it: the last night, a picture and tables of each protocol, and
    what happened, the newest first."""
    last = nights[-1]
    dates = list(dict.fromkeys([nights[0].begun[:10], last.begun[:10]]))
    parts = [{"protocol": protocol, "picture": data_url(pictures[protocol]),
              "tables": [*verdict_tables(last, protocol), history_table(nights, protocol)]}
             for protocol in protocols_of(nights)]
    return render(
        "history.html", suite=name, headline=headline(last), parts=parts, words=WORDS,
        span=f"{len(nights)} night{'s' * (len(nights) != 1)}, {' to '.join(dates)}",
        said=[f"{text}." for _, text in told(last)],
        events=[f"Night {night.number}, {night.begun[:10]}: {event_sentence(event)}"
                for night in reversed(nights) for event in night.events])


def in_markdown(table: Table) -> list[str]:
    sides = ["---" if head in WORDS else "---:" for head in table.heads]
    said = [f"{escaped(table.note)} Here the {table.title}:", ""] if table.note else []
    return [*said, f"| {' | '.join(table.heads)} |", f"|{'|'.join(sides)}|",
            *(f"| {' | '.join(map(escaped, row))} |" for row in table.rows), ""]
