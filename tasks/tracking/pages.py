"""MLflow's server, with a first page of our own that leads to the newest results: `ganbench ui` starts it.

MLflow's pages keep in the browser what a person has chosen: columns, charts, open panels.  `/ganbench` chooses the
view of the newest results, and MLflow's pages begin with those for models, not those for chats, and without the panel
of its assistant, which covers a quarter of them.  Who opens that panel finds it open again.
"""

from __future__ import annotations

import argparse
import html
import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from ganbench.tasks import score_view
from ganbench.tasks.settings import settings
from ganbench.tasks.tracking.client import FIRST_PAGE, LATEST, connect, experiment_of, make_database, page_of_runs

CLOSED = """<script>
for (const [key, value] of [["assistant.fab.autoOpenedOnFirstLoad", true], ["assistant.panelOpen", false],
                            ["workflowType", "machine_learning"]])
  localStorage.getItem(`mlflow.${key}_v1`) ?? localStorage.setItem(`mlflow.${key}_v1`, JSON.stringify(value));
</script>"""
CHOOSE = """<!doctype html><meta charset="utf-8"><title>ganbench</title>
<script>
if (STATE) localStorage.setItem(`MLflowLocalStorage-1.1-ExperimentPage-${JSON.stringify([EXPERIMENT])}-` +
  "ReactComponentState", JSON.stringify(STATE));
location.replace("./" + PAGE);
</script>
<a href="HREF">The newest results</a>"""
CHARTS = "&compareRunsMode=CHART"
FORMER = "scores"  # the only view of earlier versions of ganbench

App = Callable[[MutableMapping[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]],
               Awaitable[None]]


def first_page(experiment: str, tags: dict[str, str], mode: str = "") -> str:
    """HTML that chooses the newest view in the browser and goes there."""
    key = tags.get(LATEST, FORMER)
    try:
        state: dict[str, Any] | None = score_view.read(tags[score_view.TAG + key])
    except (KeyError, ValueError):
        state = None
    facets = {name: state[name] for name in score_view.FACETS if name in state} if state else {}
    page = page_of_runs(experiment, facets) + mode
    given = {"STATE": state, "EXPERIMENT": experiment, "PAGE": page}
    text = CHOOSE.replace("HREF", html.escape("./" + page))
    for name, value in given.items():
        text = text.replace(name, json.dumps(value).replace("<", "\\u003c"))
    return text


def index(path: Path) -> str:
    """MLflow's only page, with the assistant closed."""
    return path.read_text("utf-8").replace("<head>", f"<head>{CLOSED}", 1)


def with_first_page(mlflow: App, index_file: Path) -> App:
    """The same application, which answers two addresses itself."""

    async def app(scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[Any]],
                  send: Callable[[Any], Awaitable[None]]) -> None:
        text = answer(scope, index_file) if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else None
        if text is None:
            await mlflow(scope, receive, send)
            return
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store"),
                   (b"x-frame-options", b"SAMEORIGIN")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})

    return app


def answer(scope: MutableMapping[str, Any], index_file: Path) -> str | None:
    if scope["path"] == "/" and index_file.is_file():
        return index(index_file)
    if scope["path"].rstrip("/") == f"/{FIRST_PAGE}":
        client = connect()
        experiment = experiment_of(client)
        return first_page(experiment, dict(client.get_experiment(experiment).tags),
                          CHARTS if b"charts" in scope["query_string"] else "")
    return None


def main() -> None:
    """MLflow's server in this process; its database is in the environment, where `mlflow server` puts it, too."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    given = parser.parse_args()
    settings()  # before MLflow is imported
    make_database()

    import mlflow.server
    import uvicorn
    from mlflow.server.fastapi_app import app as mlflow_app

    folder = Path(mlflow.server.__file__).parent
    app = with_first_page(mlflow_app, folder / mlflow.server.REL_STATIC_DIR / "index.html")
    uvicorn.run(app, host=given.host, port=given.port, log_config=str(folder / "uvicorn_log_config.yaml"))


if __name__ == "__main__":
    main()
