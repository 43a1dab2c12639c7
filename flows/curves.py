"""What `ganbench curves` reads, prints and writes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.flows.screen import Grid, Line, Screen
from ganbench.flows.tables import SPACE, headed
from ganbench.gan.curves.band import Band, bands_around, bands_of, recipes
from ganbench.gan.curves.beside import loss_of_recipe, recipe_in
from ganbench.gan.curves.diagnosis import FAMILIES, Verdict, diagnose
from ganbench.gan.curves.drawing import panels_of, picture
from ganbench.gan.curves.readers import read_logs, with_own_names
from ganbench.gan.curves.sentences import advice, evidence, lost, unjudged
from ganbench.gan.curves.summary import Summary, summaries
from ganbench.gan.curves.table import Run, Table, table_of
from ganbench.gan.files import atomic_write
from ganbench.gan.numbers import english, french
from ganbench.gan.types import BadInput
from ganbench.gan.words import LANGUAGES

MLFLOW = "mlflow:"
COLOURS = {"alert": "red", "warning": "yellow", "info": "cyan"}
HEADS = {"en": ("", "run", "points", "last step", "last value", "best value", "at step"),
         "fr": ("", "entraînement", "points", "dernier pas", "dernière valeur", "meilleure valeur", "au pas")}
SAID = {"en": ("Curves, smoothed except scores", "Diagnosis", "None of the rules that apply found anything wrong."),
        "fr": ("Courbes, lissées sauf les scores", "Diagnostic",
               "Aucune des règles applicables n'a décelé d'anomalie.")}


@dataclass(frozen=True)
class Curves:
    """Runs with what the rules say of each."""

    runs: Sequence[Run]
    verdicts: Sequence[Sequence[Verdict]]
    rows: Sequence[Summary]
    bands: Mapping[str, Band]
    smoothing: float
    language: str

    @property
    def title(self) -> str:
        return ", ".join(run.name for run in self.runs)


def read_curves(
    logs: Sequence[str], loss: str, recipe: str, healthy: Sequence[str], smoothing: float, language: str
) -> Curves:
    """Everything that is printed, drawn and written; the options are checked first."""
    if loss and loss not in FAMILIES:
        raise BadInput("unknown-choice", f"The value of --loss is {loss!r}, expected one of {', '.join(FAMILIES)}.")
    if language not in LANGUAGES:
        raise BadInput("unknown-choice",
                       f"The value of --language is {language!r}, expected one of {', '.join(LANGUAGES)}.")
    if not 0 <= smoothing < 1:
        raise BadInput("unfit-value",
                       f"The value of --smoothing is {smoothing:g}, expected a number from 0 to below 1.")
    bands = bands_of(recipe) if recipe else {}
    if healthy:
        bands = bands_around(run for log in healthy for run in runs_of_log(log))
    found = [(run, recipe or recipe_of(log)) for log in logs for run in runs_of_log(log)]
    runs = with_own_names([run for run, _ in found])
    judged = [diagnose(run, loss or loss_of_recipe(kind)) for run, (_, kind) in zip(runs, found, strict=True)]
    kinds = {kind for _, kind in found}
    if not bands and len(kinds) == 1 and kinds <= set(recipes()):
        bands = bands_of(*kinds)
    return Curves(runs, judged, summaries(runs, smoothing), bands, smoothing, language)


def runs_of_log(log: str) -> list[Run]:
    """A file or folder, or a run of MLflow."""
    if not log.startswith(MLFLOW):
        return read_logs([Path(log).expanduser()])
    from ganbench.tasks.tracking.curves import run_of_mlflow

    run = run_of_mlflow(log.removeprefix(MLFLOW))
    if not run.points:
        raise BadInput("no-curves", f"The run {run.name} of MLflow has no metrics, expected steps and values.")
    return [run]


def recipe_of(log: str) -> str:
    return "" if log.startswith(MLFLOW) else recipe_in(Path(log).expanduser())


# On the screen

def curves_screen(curves: Curves) -> Screen:
    """A table of the curves, then what was found in each run, with advice."""
    title, diagnosis, nothing = SAID[curves.language]
    heads, several = HEADS[curves.language], len(curves.runs) > 1
    cells = [cells_of(row, curves.language) for row in curves.rows]
    kept = [k for k in range(len(heads)) if (several or k != 1) and (k < 5 or any(row[k] for row in cells))]
    rows = tuple(tuple(row[k] for k in kept) for row in cells)
    lines = [line for run, verdicts in zip(curves.runs, curves.verdicts, strict=True)
             for line in said_of_run(run, verdicts, curves.language, several, nothing)]
    return [Grid(f"{curves.runs[0].name}: {title}" if not several else title, tuple(heads[k] for k in kept), rows),
            *headed(diagnosis, lines)[1:]]


def cells_of(row: Summary, language: str) -> tuple[str, ...]:
    def count(value: int | None) -> str:
        return "" if value is None else (english if language == "en" else french)(value)

    return (row.metric, row.run, count(row.points), count(row.step), shown(row.last, language),
            "" if row.best is None else shown(row.best, language), count(row.best_step))


def shown(value: float, language: str) -> str:
    """Four significant digits; NaN and infinity by name."""
    if not math.isfinite(value):
        return str(value)
    digits = 0 if value == 0 else min(6, max(0, 3 - math.floor(math.log10(abs(value)))))
    return (english if language == "en" else french)(value, digits)


def said_of_run(run: Run, verdicts: Sequence[Verdict], language: str, several: bool, nothing: str) -> list[Line]:
    """What was found, each with its advice; then what was not judged, and what of the log is lost."""
    found = [row for row in verdicts if row.said == "found"]
    lines = [SPACE, Line("", run.name, "bold")] if several else []
    for row in found:
        lines += [Line(evidence(row, language), "- ", COLOURS[row.severity]), Line(advice(row, language), indent=3)]
    lines += [] if found else [Line(nothing)]
    aside = [unjudged(list(verdicts), said, language) for said in ("not applicable", "not logged")]
    return [*lines, *(Line(text, style="dim") for text in (*(lost(one, language) for one in run.caveats), *aside)
                      if text)]


# In files

def curves_json(curves: Curves) -> str:
    """What the screen shows, with full precision; sentences in both languages."""
    found = [{"run": run.name, "source": run.source, "points": run.points, "restarts": list(run.restarts),
              "caveats": [lost(one) for one in run.caveats],
              "diagnosis": [told(row) for row in verdicts]}
             for run, verdicts in zip(curves.runs, curves.verdicts, strict=True)]
    rows = [{name: plain(value) for name, value in vars(row).items()} for row in curves.rows]
    return json.dumps({"runs": found, "curves": rows}, indent=1)


def told(row: Verdict) -> dict[str, Any]:
    facts = {"rule": row.rule, "said": row.said}
    if row.said != "found":
        return facts
    return {**facts, "severity": row.severity, "facts": dict(row.facts),
            "evidence": {language: evidence(row, language) for language in LANGUAGES},
            "advice": {language: advice(row, language) for language in LANGUAGES}}


def plain(value: Any) -> Any:
    """NaN and infinity as texts: JSON has no numbers for them."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def write_table(table: Table, path: Path) -> None:
    """The tidy table as CSV: run, metric, step, seconds, value; seconds are empty where the log has none."""
    import csv

    seconds = [f"{value:.9g}" if math.isfinite(value) else "" for value in table.seconds.tolist()]

    def write(place: Path) -> None:
        with place.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("run", "metric", "step", "seconds", "value"))
            writer.writerows(zip(table.run.tolist(), table.metric.tolist(), table.step.tolist(), seconds,
                                 table.value.tolist(), strict=True))

    atomic_write(path, write)


def write_outputs(curves: Curves, csv: Path | None, picture_file: Path | None, report: Path | None) -> None:
    """The table, the picture and the page, those that were asked for."""
    if csv:
        write_table(table_of(curves.runs), csv)
    if not (picture_file or report):
        return
    panels = panels_of(curves.runs, curves.smoothing, curves.bands)
    if picture_file:
        png = picture(panels, curves.runs, curves.title, curves.language)
        atomic_write(picture_file, lambda file: file.write_bytes(png))
    if report:
        from ganbench.gan.report.curves import page

        text = page(curves.runs, panels, curves.verdicts, curves.rows, curves.title)
        atomic_write(report, lambda file: file.write_text(text, "utf-8"))
