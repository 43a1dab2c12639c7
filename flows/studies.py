"""The stages of a study: each calls the flow of its own, and says in a few sentences what that found."""

from __future__ import annotations

import json
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
from ganbench.gan.applications.augment.options import Augmentation
from ganbench.gan.applications.restore.comparing import LEAST
from ganbench.gan.drawing import draw
from ganbench.gan.findings import Analysis
from ganbench.gan.gallery import write_gallery
from ganbench.gan.hub.bundle import refusals
from ganbench.gan.hub.options import Publication
from ganbench.gan.images import write_contact_sheet, write_folder
from ganbench.gan.models.loading import resolve
from ganbench.gan.naming import short_metric
from ganbench.gan.numbers import decimals
from ganbench.gan.question import Opening, Question, Repair, Route, Styling, Training, given
from ganbench.gan.report.templates import numerals, p_value, percentage
from ganbench.gan.report.texts import Bilingual, both
from ganbench.gan.sampling import generator_of
from ganbench.gan.specialise.target import design_of, write_cluster
from ganbench.gan.study.images import RealImages
from ganbench.gan.study.options import Study
from ganbench.gan.study.planning import Plan
from ganbench.gan.study.record import DONE, Found, Link
from ganbench.gan.study.texts import listed, said, time_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import BadInput, CompleteSpec, Score, Workspace
from ganbench.gan.words import LANGUAGES, sentence, verdict_of

SHOWN = 32              # images of a sheet
LEADING = ("kid", "fd", "is", "precision", "recall")        # rows of METRICS that are said in words
SEEDS, PER_CLASS = 3, 50                                    # of the classifiers
DAMAGE = "inpaint:box={side}"
FRAMES, STOPS = 60, 4                                       # of the film
MAPPED = 1_000          # images on the map of the latent page
WORST = 2               # parts that are named
SURE = 2.58             # standard errors
ALIKE = 16              # images, of which that least like the first one gives its style
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


# Explore

def explore(work: Work) -> Found:
    from ganbench.flows.explorations import Scenery, export

    page = work.place("explore", "explore.html")
    size = export(work.show, [work.model], work.trust, "seed=0",
                  Scenery(MAPPED, "pca", str(work.real.learnt)), page)
    command = command_line("explore", [work.model], work.trust, export=page, map=MAPPED,
                           reference=work.real.learnt)
    return Found("explore", DONE, (said("page", size=numerals(size / 1e6, 1)),),
                 (Link(work.name(page), ("explore.html", "explore.html")),), command=command)


def interpolate(work: Work) -> Found:
    from ganbench.flows.interpolations import numbers_of, screen_of
    from ganbench.gan.films import write_strip

    flow = flow_of("interpolate")
    route, out = Route(seeds=",".join(map(str, range(STOPS))), frames=FRAMES, loop=True), work.place(
        "interpolate", "film.webp")
    film, _ = flow(work.model, **given(route), out=str(out), **given(work.trust))
    strip = work.place("interpolate", "strip.png")
    write_strip(film, strip)
    ratio = film.evenness[film.kind][1]
    sentences = [said("film", frames=count(route.frames), kind=film.kind, space=film.space, ratio=numerals(ratio, 2))]
    if film.smoothness:
        digits, value = decimals(film.smoothness.found.se), film.smoothness.found
        sentences.append(said("smooth", space=film.space, value=numerals(value.value, digits),
                              se=numerals(value.se, digits)))
    return work.found(
        "interpolate", sentences, screen_of(film), command_line("interpolate", [work.model], route, out=out),
        title=film.model, picture=strip, alt="film strip", links={out: (out.name, out.name)},
        numbers=numbers_of(film))


# Apply

def augment(work: Work) -> Found:
    from ganbench.flows.augmentations import numbers_of, screen_of

    flow = flow_of("augment")
    request = Augmentation(str(work.real.all), per_class=PER_CLASS, seeds=SEEDS, factors="1,4", arms="flips and shifts",
                           steps=work.plan.classifier, seed=work.asked.seed, leave_out=True)
    out = work.place("augment", "arms")
    made, _ = flow(work.model, **given(request), out=str(out), **given(work.trust))
    verdict = made.found.verdict
    gain = verdict.gain
    sentences = [said(verdict.state, real=count(made.found.grid.real), gain=signed(gain.value), low=signed(gain.low),
                      high=signed(gain.high))]
    return work.found(
        "augment", sentences, screen_of(made), command_line("augment", [work.model], request, out=out),
        title=f"{made.found.spec.name} for {work.real.name}", picture=Path(made.files[0]), alt="accuracy",
        numbers=numbers_of(made))


def signed(value: float) -> Bilingual:
    one, other = numerals(value, 1)
    return (one, other) if value < 0 else (f"+{one}", f"+{other}")


def restore(work: Work) -> Found:
    from ganbench.flows.restorations import numbers_of, screen_of
    flow = flow_of("restore")
    folder, out = work.place("restore", "images"), work.place("restore", "sheet.png")
    shutil.rmtree(folder, ignore_errors=True)
    write_folder(held_out_images(work, LEAST), folder)
    wish = Repair(DAMAGE.format(side=max(2, 3 * work.real.shape[1] // 8)), training=str(work.real.learnt),
                  seed=work.asked.seed)
    made, _ = flow(str(folder), work.model, **given(wish), out=str(out), **given(work.trust))
    numbers = numbers_of(made)
    sentences = list[Bilingual]()
    for row in made.compared[:1]:
        sentences.append(said("restored", damage=made.damage.text, method=row.method, n=count(row.n),
                              psnr=numerals(numbers[f"psnr.{row.method}"], 1)))
        sentences.append(said("better" if row.wins else "not better", against=row.against,
                              difference=numerals(row.difference, 1), low=numerals(row.low, 1),
                              high=numerals(row.high, 1)))
    command = command_line("restore", [work.model], wish, image=folder, out=out)
    return work.found("restore", sentences, screen_of(made, [str(out)]), command, title=made.damage.text, picture=out,
                      alt="restored images",
                      numbers={key: value for key, value in numbers.items() if not key.startswith("seconds")})


def stylize(work: Work) -> Found:
    from ganbench.flows.stylizations import numbers_of, screen_of
    flow = flow_of("stylize")
    styling, out = Styling("0:0", f"0:{least_alike(work)}", seed=work.asked.seed), work.place("stylize", "strip.png")
    made, _ = flow(work.model, **given(styling), out=str(out), **given(work.trust))
    found = made.found
    sentences = [said("style", left=percentage(found.left), judge=made.judge)]
    if found.kept is not None:
        sentences.append(said("class kept" if found.kept else "class lost"))
    return work.found("stylize", sentences, screen_of(made), command_line("stylize", [work.model], styling, out=out),
                      title=made.model, picture=out, alt="style strip", numbers=numbers_of(made))


def least_alike(work: Work) -> int:
    """Of the first images, the one whose pixels differ most from those of image 0."""
    first, *others = (image.astype(np.float64) for image in drawn(work.model, work, ALIKE))
    return 1 + int(np.argmax([np.square(image - first).mean() for image in others]))


# Improve, share

def specialise(work: Work) -> Found:
    """Advice: which classes or clusters the model draws worst, and the command that goes on there."""
    scores = json.loads(work.place("evaluate", "scores.json").read_text("utf-8"))
    parts = sorted((row for row in scores.get("slices", ()) if row["metric"].startswith("kid")),
                   key=lambda row: -row["value"])[:WORST]
    if not parts:
        return Found("specialise", DONE, (said("no weak parts"),))
    names = [part_of(row["slice"]) for row in parts]
    sentences = [said("weak parts", parts=listed([said(f"{kind} of", name=name) for kind, name in names]))]
    numbers, picture, target = numbers_of_parts(parts), "", Training()
    if names[0][0] == "class":
        target = Training(data=str(work.real.all), classes=",".join(name for _, name in names))
    elif found := images_of_cluster(work, int(names[0][1])):
        picture, target = work.name(found[0].with_suffix(".png")), Training(data=str(found[1]), held_out=str(found[0]))
    try:
        design_of(work.model, work.spec)
        command = command_line("specialise", [work.model], target) if target.data else ""
        sentences.append(said("goes on", command="ganbench specialise"))
    except BadInput:
        command = ""
        sentences.append(said("no recipe"))
    alt = said("images of cluster", name=names[0][1]) if picture else ("", "")
    return Found("specialise", DONE, tuple(sentences), (), picture, alt, numbers, command)


def images_of_cluster(work: Work, cluster: int) -> tuple[Path, Path] | None:
    """The held-out images of a cluster, with a picture beside them, and those to learn from; None: too few of these."""
    both = Training(data=str(work.real.held_out), held_out=str(work.real.learnt))
    with single_threaded():
        there, more, _ = write_cluster(both, cluster, False, work.folder / "specialise", work.workspace, lambda n: None)
    return (there, more) if more else None


def part_of(name: str) -> tuple[str, str]:
    """`class boot` -> class, boot."""
    kind, _, rest = name.partition(" ")
    return kind, rest


def numbers_of_parts(parts: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {f"{row['metric']}.{row['slice'].replace(' ', '_')}": row["value"] for row in parts}


def publish(work: Work) -> Found:
    """The folder that could be sent, and what speaks against that."""
    from ganbench.flows.publications import built, folder_answer

    out, wish = work.folder / "publish" / "model", Publication(licence=work.asked.licence)
    shutil.rmtree(out, ignore_errors=True)
    made = built(work.show, work.model, wish, work.question(), work.trust, work.asked.seed, work.workspace, out)
    why = refusals(out)
    sentences = [said("planned files", n=count(len(made.parts)),
                      size=numerals(sum(part.size for part in made.parts) / 1e6, 1))]
    sentences += [said("obstacles", what=str(one)) for one in why]
    files = {out / part.name: (part.name, part.name) for part in made.parts}
    command = command_line("publish", ["folder", work.model], wish, work.question(), work.trust, seed=work.asked.seed,
                           out=out)
    return work.found("publish", sentences, folder_answer(made).screen, command, title=made.title, links=files,
                      numbers={"files": len(made.parts), "obstacles": len(why)})


DO: Mapping[str, Callable[[Work], Found]] = {
    "data": data, "evaluate": evaluate, "audit": audit, "curves": curves, "baselines": baselines, "compare": compare,
    "ensemble": ensemble, "explore": explore, "interpolate": interpolate, "augment": augment, "restore": restore,
    "stylize": stylize, "specialise": specialise, "publish": publish,
}
