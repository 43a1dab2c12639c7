"""What MLflow's pages show of a group of runs: which columns, in which order, which charts.

MLflow has no settings for that.  Its pages keep what a person chose in the browser, and named views in tags of the
experiment.  What these hold is not documented; this was read from, and tried in, MLflow 3.17.  Should a later version
not understand it, its pages show their usual columns and charts.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TAG = "mlflow.sharedViewState."  # prefix of the experiment's tags; the rest is the key of the view
NAME, CREATED = "attributes.`Run Name`", "runDateAndNestInfo"  # the columns that are always there
ALWAYS = {NAME: 60, CREATED: 125}  # pixels, beside a name's letters
LETTER, MARGIN = 6.6, 26  # pixels
PACKED = "deflate;"
LONGEST = 5_000  # letters of an experiment's tag
LOWER, HIGHER, PICTURES, COSTS, TIME, MORE = (  # sections of the charts
    "Scores: lower is better", "Scores: higher is better", "Pictures", "Costs", "Against time", "More")
SHOWN = 100  # runs in a chart
FACETS = ("searchFilter", "orderByKey", "orderByAsc")  # the parts of a view that are in the page's address


@dataclass(frozen=True)
class Chart:
    """A bar for each run; or with `pictures` their images of that name, or with `over` a point for each.

    MLflow's title of a chart is the name of the metric.
    """

    section: str
    metric: str = ""
    pictures: str = ""
    over: str = ""  # a parameter


@dataclass(frozen=True)
class View:
    """A list of runs: which, in which order, and what of each is shown."""

    key: str
    name: str
    filter: str  # in MLflow's language
    order: str  # `metrics.`kid``
    ascending: bool = True
    columns: Mapping[str, int] = field(default_factory=dict)  # MLflow's names of columns -> letters
    charts: Sequence[Chart] = ()
    hidden: Sequence[str] = ()  # metrics that get no chart
    names: int = 24  # letters of a run's name


def column(kind: str, name: str) -> str:
    """As MLflow's page names it: `tags.`kid``."""
    return f"{kind}.`{name}`"


def facets(view: View) -> dict[str, Any]:
    """The part of a view that is in the page's address."""
    return dict(zip(FACETS, (view.filter, view.order, view.ascending), strict=True))


def state(view: View) -> dict[str, Any]:
    """The part of a view that the page keeps."""
    widths = {name: round(LETTER * letters + MARGIN) for name, letters in view.columns.items()}
    sections = list(dict.fromkeys([*(chart.section for chart in view.charts), MORE]))
    return {
        "selectedColumns": list(view.columns),
        "columnOrder": [NAME, CREATED, *view.columns],
        "columnWidths": ALWAYS | {NAME: ALWAYS[NAME] + round(LETTER * view.names)} | widths,
        "compareRunCharts": [*(card(k, chart) for k, chart in enumerate(view.charts)), *map(absent, view.hidden)],
        "compareRunSections": [
            {"uuid": name, "name": name, "display": name != MORE, "isReordered": True, "deleted": False,
             "isGenerated": False, "columns": 1 if name == PICTURES else 3,
             "cardHeight": 740 if name == PICTURES else 330}
            for name in sections
        ],
        "isAccordionReordered": True,
        "runsHiddenMode": "FIRST_20_RUNS",
    }


def card(number: int, chart: Chart) -> dict[str, Any]:
    found: dict[str, Any] = {"uuid": f"c{number}", "metricSectionId": chart.section, "runsCountToCompare": SHOWN,
                             "deleted": False, "isGenerated": False}
    if chart.pictures:
        return found | {"type": "IMAGE", "imageKeys": [chart.pictures], "step": 0, "showRunParams": False}
    found |= {"displayName": chart.metric}
    if chart.over:
        return found | {"type": "SCATTER", "xaxis": {"key": chart.over, "type": "PARAM"},
                        "yaxis": {"key": chart.metric, "type": "METRIC"}}
    return found | {"type": "BAR", "metricKey": chart.metric}


def absent(metric: str) -> dict[str, Any]:
    """A chart that somebody has deleted; MLflow makes one for every metric that has none."""
    return {"uuid": metric, "type": "BAR", "metricKey": metric, "metricSectionId": MORE, "deleted": True,
            "isGenerated": True}


def saved(view: View, now: int) -> str:
    """The view as a tag of the experiment; as much of it as a tag can hold."""
    named = {"name": view.name, "createdAt": now, "updatedAt": now}
    for part in (state(view), {key: value for key, value in state(view).items() if not key.startswith("compare")}):
        text = json.dumps(named | {"state": packed(facets(view) | part)})
        if len(text) <= LONGEST:
            return text
    return json.dumps(named | {"state": packed(facets(view))})


def packed(content: Mapping[str, Any]) -> str:
    compressed = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 9)
    return PACKED + base64.b64encode(compressed).decode()


def read(tag: str) -> dict[str, Any]:
    """The content of a saved view: what is in the page's address, and what the page keeps."""
    text = json.loads(tag)["state"]
    if text.startswith(PACKED):
        try:
            text = zlib.decompress(base64.b64decode(text.removeprefix(PACKED))).decode()
        except zlib.error as error:
            raise ValueError(f"no saved view of MLflow's: {error}") from error
    found: dict[str, Any] = json.loads(text)
    return found


def longest(texts: Iterable[str], least: int = 4) -> int:
    return max([least, *map(len, texts)])
