"""A saved view of MLflow's page of runs with a column per score; by itself the page shows no metric.

MLflow keeps such views as tags of the experiment. What the tag holds is not documented; this was read from, and
tried in, MLflow 3.17. Should a later version not understand it, the page shows its usual columns.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

TAG = "mlflow.sharedViewState.scores"
PAGE = "viewStateShareKey=scores"
NAME, CREATED = "attributes.`Run Name`", "runDateAndNestInfo"  # the columns that are always there
WIDTHS = {NAME: 330, CREATED: 140, "params.`protocol`": 230, "params.`n`": 70, "params.`seed`": 70}
SCORE_WIDTH, MOST = 150, 24  # a tag is at most 5,000 characters long


def joined(saved: str, metrics: Iterable[str]) -> str:
    """The tag with columns for the values of these scores too, given what it says now; '' when it is to be left alone.

    So it is when nothing is new, and when a person has saved the view anew: MLflow then compresses it.
    """
    now = round(1000 * time.time())
    try:
        view = json.loads(saved) if saved else {"name": "Scores", "createdAt": now, "state": "{}"}
        known = json.loads(view["state"]).get("columnOrder", [])
    except (ValueError, KeyError, TypeError):
        return ""
    values = [f"metrics.`{name}`" for name in metrics]
    columns = list(dict.fromkeys([*(known or WIDTHS), *values]))[:MOST]
    if columns == known:
        return ""
    state = {
        "selectedColumns": columns[2:],
        "columnOrder": columns,
        "columnWidths": {column: WIDTHS.get(column, SCORE_WIDTH) for column in columns},
    }
    return json.dumps(view | {"updatedAt": now, "state": json.dumps(state)})
