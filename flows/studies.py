"""What the stages of a study share, and those that measure and compare.  Each calls the flow of its own, and says in a
few sentences what that found."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.flows.options import command_line
from ganbench.flows.pages import write_page
from ganbench.flows.screen import Line, Screen
from ganbench.gan.drawing import draw
from ganbench.gan.findings import Analysis
from ganbench.gan.gallery import write_gallery
from ganbench.gan.images import write_contact_sheet
from ganbench.gan.models.loading import resolve
from ganbench.gan.naming import short_metric
from ganbench.gan.numbers import decimals
from ganbench.gan.question import Opening, Question, Training, given
from ganbench.gan.report.templates import numerals, p_value, percentage
from ganbench.gan.report.texts import Bilingual, both
from ganbench.gan.sampling import generator_of
from ganbench.gan.study.images import RealImages
from ganbench.gan.study.options import Study
from ganbench.gan.study.planning import Plan
from ganbench.gan.study.record import DONE, Found, Link
from ganbench.gan.study.texts import said, time_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import CompleteSpec, Score, Workspace
from ganbench.gan.words import LANGUAGES, sentence, verdict_of

SHOWN = 32              # images of a sheet
LEADING = ("kid", "fd", "is", "precision", "recall")        # rows of METRICS that are said in words
SURE = 2.58             # standard errors
SAYING = 2              # findings that are said beside the verdict

Show = Callable[..., None]


@dataclass(frozen=True)
class Work:
    """What every stage is given; `model`: what the flows are called with; `given`: what the user has named, and
    `opening`: how; `others`: all other models."""

    asked: Study
    model: str
    given: str
    opening: Opening
    spec: CompleteSpec
    real: RealImages
    plan: Plan
    folder: Path
    workspace: Workspace
    show: Show = lambda *_, **__: None

    def place(self, *names: str) -> Path:
        path = self.folder.joinpath(*names)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def question(self, **more: Any) -> Question:
        """The measurement of all models: against the held-out images, with the others as the floor."""
        return Question(reference=str(self.real.held_out), held_out=str(self.real.learnt), n=self.asked.n, **more)

    @property
    def baselines(self) -> list[str]:
        return [str(self.folder / "baselines" / kind / "best.toml") for kind in self.plan.steps]

    @property
    def others(self) -> list[str]:
        return [*self.baselines, *(self.asked.against or ())]

    @property
    def trust(self) -> Opening:
        """How a model file is opened."""
        return Opening(trust_pickle=self.opening.trust_pickle)

    def name(self, path: Path) -> str:
        """A file's path in the folder, as the page links it."""
        return path.relative_to(self.folder).as_posix()

    def found(self, name: str, sentences: Sequence[Bilingual], screen: Screen, command: str, *, title: str,
              picture: Path | None = None, alt: str = "", links: Mapping[Path, Bilingual] | None = None,
              numbers: Mapping[str, float] | None = None) -> Found:
        """Of a stage, with a page of all that it printed."""
        page = write_page(self.place(name, "page.html"), title, screen, [picture] if picture else [], command)
        files = [Link(self.name(path), label) for path, label in (links or {}).items()]
        finite = {key: float(value) for key, value in (numbers or {}).items() if np.isfinite(value)}
        return Found(name, DONE, tuple(sentences), (*files, Link(self.name(page), said("details"))),
                     self.name(picture) if picture else "", said(alt) if alt else ("", ""), finite, command)


def flow_of(name: str) -> Any:
    """A flow by its name, imported when it is needed."""
    return getattr(import_module(f"ganbench.flows.{name}"), name)


def count(number: float) -> Bilingual:
    return numerals(number, 0)


# Evaluate

def data(work: Work) -> Found:
    real = work.real
    size = f"{real.shape[2]}x{real.shape[1]}"
    classes = said("classes", k=str(len(real.kept.classes))) if real.kept.classes else ""
    sentences = [said("images", n=count(real.n), data=Path(real.name).name, size=size,
                      colours=("grey", "gris") if real.shape[0] == 1 else ("RGB", "RVB"), classes=classes,
                      learn=count(real.kept.n), held=count(real.kept.held_out))]
    if real.changed:
        sentences.append(said("fitted", sizes=", ".join(real.sizes[:3]), fit=work.asked.fit))
    sheet = work.place("data", "held-out.png")
    write_contact_sheet(sheet, held_out_images(work, SHOWN), 8)
    return Found("data", DONE, tuple(sentences), (), work.name(sheet), said("held out images"),
                 {"images": real.n, "held_out": real.kept.held_out})


def held_out_images(work: Work, most: int) -> np.ndarray:
    """(n, C, H, W) uint8, evenly chosen, so that all classes are among them."""
    with np.load(work.real.held_out) as arrays:
        images = arrays["arr_0"]
    rows = np.unique(np.linspace(0, len(images) - 1, min(len(images), most)).astype(int))
    return np.ascontiguousarray(images[rows].transpose(0, 3, 1, 2))


def evaluate(work: Work) -> Found:
    from ganbench.flows.evaluations import evaluation_json, evaluation_screen

    flow = flow_of("evaluate")
    question, seed = work.question(), work.asked.seed
    taught = generator_of(work.spec, work.workspace).n_classes
    by = "class" if taught and taught == len(work.real.kept.classes) else "cluster"
    outcome = flow(work.model, **given(question), seed=seed, by=by, **given(work.trust))
    sheet = work.place("evaluate", "samples.png")
    shutil.copyfile(outcome.picture, sheet)
    numbers = work.place("evaluate", "scores.json")
    numbers.write_text(evaluation_json(outcome) + "\n", "utf-8")
    command = command_line("evaluate", [work.model], question, work.trust, seed=seed, by=by)
    sentences = [apart_said(outcome.scores), *map(score_said, leading(outcome.scores)), said("seen")]
    return work.found(
        "evaluate", sentences, evaluation_screen(outcome), command, title=work.spec.name, picture=sheet,
        alt="its images", links={numbers: ("scores.json", "scores.json")},
        numbers={one.metric: one.value for one in outcome.scores})


def leading(scores: Sequence[Score]) -> list[Score]:
    """One score of each row of LEADING, of the first extractor that has it."""
    first = {one.row: one for one in reversed(scores)}
    return [first[row] for row in LEADING if row in first]


def apart_said(scores: Sequence[Score]) -> Bilingual:
    """Whether the images are farther from the real ones than other real images are, by the leading score."""
    one = leading(scores)[0]
    if one.floor is None or one.se <= 0:
        return score_said(one)
    sign = 1 if one.lower_is_better else -1
    return said("apart" if sign * (one.value - one.floor) > SURE * one.se else "not apart", metric=one.metric,
                n=count(one.n))


def score_said(one: Score) -> Bilingual:
    digits = decimals(one.se) if one.se > 0 else 3
    facts: dict[str, Bilingual | str] = {
        "metric": one.metric, "value": numerals(one.value, digits), "se": numerals(one.se, digits)}
    if one.floor is None:
        return said("score alone", **facts)
    return said("score", floor=numerals(one.floor, digits), **facts)


def audit(work: Work) -> Found:
    from ganbench.flows.audit import audit_screen

    flow = flow_of("audit")
    question = Question(training=str(work.real.learnt), held_out=str(work.real.held_out),
                        n=min(work.asked.n, work.real.kept.held_out))
    outcome = flow(work.model, **given(question), seed=work.asked.seed, **given(work.trust))
    sheet = work.place("audit", "nearest.png")
    shutil.copyfile(outcome.picture, sheet)
    found, sentences = outcome.audit, list[Bilingual]()
    copies = sum(match.listed for match in found.matches)
    sentences.append(said("copies", listed=count(copies), n=count(found.n)))
    if found.nearer is not None and found.p is not None:
        more = said("more" if found.p < 0.01 else "not more")
        sentences.append(said("nearer", share=percentage(found.nearer.value), more=more, p=p_value(found.p)))
    command = command_line("audit", [work.model], question, work.trust, seed=work.asked.seed)
    return work.found("audit", sentences, audit_screen(outcome), command, title=work.spec.name, picture=sheet,
                      alt="nearest images", numbers={"copies": copies, "p": found.p or 0.0})


def curves(work: Work) -> Found:
    from ganbench.flows.curves import curves_screen, read_curves, write_outputs
    from ganbench.gan.curves.sentences import evidence

    logs = list(work.asked.logs or ())
    found = read_curves(logs, "", "", (), 0.6, "en")
    page, sheet = work.place("curves", "curves.html"), work.place("curves", "curves.png")
    write_outputs(found, work.place("curves", "points.csv"), sheet, page)
    verdicts = [row for rows in found.verdicts for row in rows if row.said == "found"]
    sentences = [(evidence(row, "en"), evidence(row, "fr")) for row in verdicts]
    return work.found("curves", sentences or [both("nothing wrong")], curves_screen(found),
                      command_line("curves", logs), title=found.title, picture=sheet, alt="curves sheet",
                      links={page: both("curves")})


# Compare

def baselines(work: Work) -> Found:
    from ganbench.flows.trainings import best_sentence

    train = flow_of("train")
    sentences, lines, commands = list[Bilingual](), list[Any](), list[str]()
    for kind, steps in work.plan.steps.items():
        training, out = training_for(work.asked, work.real, steps), work.folder / "baselines" / kind
        trained = train(kind, **given(training), out=str(out))
        best = trained.choice.best.step if trained.choice else trained.steps
        sentences.append(said("trained", kind=kind, steps=count(trained.steps), best=count(best)))
        lines.append(Line(best_sentence(trained.choice) if trained.choice else "", f"{kind}: "))
        commands.append(command_line("train", [kind], training, out=out))
    row = next(row for row in work.plan.rows if row.name == "baselines")
    sentences.append(said("equal", time=time_of(row.seconds / max(1, len(work.plan.steps)))))
    sheet = work.place("baselines", "samples.png")
    write_gallery(sheet, "Baselines", ("",) * 12, [(drawn(path, work), Path(path).parent.name)
                                                   for path in work.baselines], across=1)
    return work.found("baselines", sentences, lines, "\n".join(commands), title="Baselines", picture=sheet,
                      alt="its images")


def training_for(asked: Study, real: RealImages, steps: int) -> Training:
    """What a baseline learns from: the same images as are learnt from in the split."""
    return Training(data=str(real.all), budget=str(steps), held_out=asked.held_out, seed=asked.seed)


def drawn(model: str, work: Work, n: int = 12) -> list[np.ndarray]:
    spec = resolve(model, work.workspace)
    with single_threaded():
        images = draw(generator_of(spec, work.workspace), spec, 0, 0, n, work.workspace.device)["images"]
    return list(images)


def compare(work: Work) -> Found:
    from ganbench.flows.comparisons import comparison_screen

    flow = flow_of("compare")
    models, question = [work.model, *work.others], work.question()
    report = work.place("compare", "report")
    found = flow(models=models, **given(question), seed=work.asked.seed, report=str(report), **given(work.trust))
    ranking = found.rankings[0]
    metric = short_metric(ranking.metric, ranking.extractor)
    one, other = (verdict_of(ranking.row, metric, ranking.models, ranking.leaders, language) for language in LANGUAGES)
    sentences = [(one, other), *findings_said(found.analyses.get(work.spec.name))]
    command = command_line("compare", models, question, work.trust, seed=work.asked.seed, report=report)
    return work.found(
        "compare", sentences, comparison_screen(found), command, title=f"{len(models)} models",
        links={report / "report.html": ("report", "rapport")},
        numbers={f"{score.metric}.{name}": score.value for name, scores in found.scores.items() for score in scores})


def findings_said(found: Analysis | None) -> list[Bilingual]:
    """The most important ones about the model."""
    weak = [row for row in (found.findings if found else ()) if row.severity in ("alert", "warning")]
    return [(sentence(row, "en"), sentence(row, "fr")) for row in weak[:SAYING]]


def ensemble(work: Work) -> Found:
    from ganbench.flows.ensemble import ensemble_screen
    from ganbench.gan.tables import helps

    flow = flow_of("ensemble")
    models = [work.model, *work.others]
    question, out = Question(reference=str(work.real.held_out), n=work.asked.n), work.place("ensemble", "mixture.toml")
    found = flow(models, str(out), **given(question), seed=work.asked.seed, **given(work.trust))
    held, names = found.held, list(found.shares)
    assert held is not None                                 # no budget was given
    parts = [f"{100 * share:.0f} % {name}" for name, share in found.shares.items() if share >= 0.01]
    digits = decimals(held.gain.se or held.value.se)
    key = "mixture" if helps(held) else "no mixture"
    facts: dict[str, Bilingual | str] = {"best": names[held.best]}
    if helps(held):
        facts |= {"shares": ", ".join(parts), "gain": numerals(held.gain.value, digits), "metric": found.metric}
    command = command_line("ensemble", models, question, work.trust, seed=work.asked.seed, out=out)
    return work.found("ensemble", [said(key, **facts)], ensemble_screen(found), command, title="Ensemble",
                      links={out: (out.name, out.name)}, numbers={"gain": held.gain.value})
