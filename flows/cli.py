"""The command `ganbench`.  Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganbench.flows.options import Machine, Some, on_command_line
from ganbench.gan.applications.augment.options import Augmentation
from ganbench.gan.hub.options import Publication
from ganbench.gan.question import (
    COMPARED,
    FOR_ALL,
    KINDS,
    PREPROCESSING,
    SPECIALISED,
    Opening,
    Question,
    Repair,
    Request,
    Route,
    Styling,
    Training,
    Wish,
)
from ganbench.gan.study.options import Study
from ganbench.gan.watching import watching

if TYPE_CHECKING:
    from ganbench.flows.answers import Answer, Asked
    from ganbench.flows.screen import Screen

Show = Callable[..., None]  # stage, images just done, total

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="How good is an image generator? Scores with error bars, as cached Prefect flows that log to MLflow.",
)

MODEL = (
    "zoo:NAME, a TOML model file, a file of weights with --family or --factory, a .pt2 program, a folder of diffusers "
    "or ImageGPT, hf:ORG/REPO@REVISION, or a folder, .npz or .parquet of images."
)
LOG = (
    "A file (TensorBoard's events, CSV, JSON or JSON lines, SQLite or Parquet of trackio, a checkpoint), a folder of "
    "such, or mlflow:RUN."
)
Model = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL, show_default=False)]
Seed = Annotated[int, typer.Option(help="Image i depends only on the model, the seed and i.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
JsonFile = Annotated[
    str, typer.Option("--json", metavar="FILE|-", help="Write it as JSON, in full precision; - for stdout.")
]
ReportFile = Annotated[
    Path | None, typer.Option("--report", metavar="FILE.html", dir_okay=False,
                              help="Write it as a page, with its pictures.")
]
Models = Annotated[list[str], typer.Argument(metavar="MODEL MODEL...", help=MODEL, show_default=False)]

REFERENCE = Some(Question, ("protocol", "n", "reference", "convention", "extractor"))  # of what has metrics of its own
ATTRIBUTED = Some(Question, (*REFERENCE.names, *PREPROCESSING))
AUDITED = Some(Question, ("training", "held_out", "n", "extractor", *PREPROCESSING))
TRUST = Some(Opening, ("trust_pickle",))
HERE = Some(Machine, ("debug",))


def stop_on_interrupt(
    advice: str = "Finished work is stored: the same command resumes from it.", seconds: float | None = 5
) -> None:
    """Ctrl-C: print `advice` at once, and exit within some seconds.

    Ctrl-C also stops Prefect's temporary server, for whose answers Prefect would wait for minutes. Finished work is in
    the store; unfinished work is not visible there.
    """
    import os
    import signal
    import threading

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print(f"\nStopped. {advice}", file=sys.stderr, flush=True)
        if seconds is not None:
            timer = threading.Timer(seconds, os._exit, [130])
            timer.daemon = True
            timer.start()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)


@contextmanager
def sentences(debug: bool = False) -> Iterator[None]:
    """Errors as one sentence on stderr: exit 2 for bad input, 1 for failed work, such as a training that diverged."""
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except Exception as error:
        if debug:
            raise
        from ganbench.gan.codes import FAILED
        from ganbench.gan.types import BadInput

        known = isinstance(error, BadInput) or of_a_path(error)
        text = said_of(error) if known else f"{type(error).__name__}: {error} (--debug shows where)"
        print(f"ganbench: {' '.join(text.split())}", file=sys.stderr)
        raise typer.Exit(2 if known and getattr(error, "code", "") not in FAILED else 1) from None


def of_a_path(error: Exception) -> bool:
    """Whether the system could not look at a path that somebody named."""
    import errno

    why = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.EIO, errno.ENXIO, errno.ENODEV)
    return isinstance(error, OSError) and error.errno in why and bool(error.filename)


def said_of(error: Exception) -> str:
    """A sentence that names the file, shortened where it is endless."""
    if not isinstance(error, OSError):
        return str(error)
    name = str(error.filename)
    return f"{name if len(name) < 300 else name[:300] + '...'} cannot be read: {error.strerror}."


@app.command()
@on_command_line(question=Question, opening=Opening, machine=Machine)
def evaluate(
    model: Model,
    *,
    question: Question,
    seed: Seed = 0,
    by: Annotated[
        str, typer.Option(metavar="class|cluster", help="Also scores of each class, or of each cluster of real images.")
    ] = "",
    json: JsonFile = "",
    opening: Opening,
    machine: Machine,
) -> None:
    """Score a model: FID-like distances, KID and Inception Score with standard errors and floors."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.answers import asked

        options: dict[str, Any] = {"question": asdict(question), "seed": seed, "by": by, "opening": asdict(opening)}
        asking = None if machine.debug else asked("evaluate", model=model, **options)

        def work(show: Show) -> Answer:
            from ganbench.flows.evaluations import kept
            from ganbench.flows.run import run_evaluation

            return kept(asking, run_evaluation(show, model, question, seed, by, opening))

        finish(answer_to(asking, work, quiet=json == "-"), json)


def by_name(weights: list[str] | None) -> dict[str, str] | None:
    """`NAME=PATH` words -> name -> path."""
    from ganbench.gan.types import BadInput

    wrong = [word for word in weights or [] if not all(word.partition("="))]
    if wrong:
        raise BadInput("malformed-name",
                       f"The value of --weights, {wrong[0]}, is not NAME=PATH, such as "
                       "dinov2-vitl14=dinov2_vitl14_pretrain.pth.")
    return {name: path for name, _, path in (word.partition("=") for word in weights)} if weights else None


def begin(machine: Machine, **given: Any) -> None:
    """Settings first, since Prefect and MLflow read the environment when they are imported."""
    import os

    from ganbench.tasks.settings import configure

    if not machine.debug:
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    configure(
        inception_weights=machine.inception_weights and str(machine.inception_weights),
        extractor_weights=by_name(machine.weights), device=machine.device, workers=machine.workers,
        batch_size=machine.batch_size, runner=machine.runner, **given,
    )


PERIOD = 600  # seconds whose speed a bar's remaining time is estimated from: some batches take a minute


@contextmanager
def bars(quiet: bool) -> Iterator[Any]:
    """Progress bars on stderr by stage; none with --quiet or without a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ganbench.flows.screen import console

    watched = sys.stderr.isatty() and not quiet
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(to_stderr=True), disable=not watched, transient=True,
                  speed_estimate_period=PERIOD) as progress:
        ids: dict[str, Any] = {}

        def show(stage: str, images: int, total: int | None = None) -> None:
            if stage not in ids:
                ids[stage] = progress.add_task(stage, total=total)
            progress.update(ids[stage], advance=images, total=total)

        def show_files(source: str, files: int) -> None:
            if "files" not in ids:
                ids["files"] = progress.add_task("files looked at", total=None)
            progress.update(ids["files"], completed=files)

        with watching(show_files if watched else say_files()):
            yield show


def say_files(first: float = 3, every: float = 10) -> Callable[[str, int], None]:
    """Where nobody sees bars: a line on stderr when a scan takes seconds, and another one now and then."""
    import time

    due = time.monotonic() + first

    def say(source: str, files: int) -> None:
        nonlocal due
        if time.monotonic() > due:
            due = time.monotonic() + every
            print(f"Looking at {source}: {files:,} files so far ...", file=sys.stderr, flush=True)

    return say


@app.command()
@on_command_line(question=Question, opening=TRUST, machine=Machine)
def compare(
    models: Models,
    *,
    question: Question,
    seed: Seed = 0,
    report: Annotated[str, typer.Option(metavar="DIR", help="Folder of the report; default: in the home folder.")] = "",
    json: JsonFile = "",
    opening: Opening,
    machine: Machine,
) -> None:
    """Compare models: scores with errors, significance tests, ranks, costs, the best mixture, a report."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.answers import asked

        options: dict[str, Any] = {"question": asdict(question), "seed": seed, "opening": asdict(opening)}
        asking = None if machine.debug else asked("compare", report, models=models, **options)

        def work(show: Show) -> Answer:
            from ganbench.flows.comparisons import kept
            from ganbench.flows.run import run_comparison

            return kept(asking, run_comparison(show, models, question, seed, report, opening))

        finish(answer_to(asking, work, quiet=json == "-"), json)


def end(found: Any, json: str, as_json: Callable[[Any], str], screen_of: Callable[[Any], Screen]) -> None:
    """Print what was found, see `finish`."""
    from ganbench.flows.answers import Answer

    finish(Answer(screen_of(found), as_json(found) if json else ""), json)


def answer_to(asking: Asked | None, work: Callable[[Show], Answer], quiet: bool) -> Answer:
    """The kept answer to a question, or a new one, with bars."""
    from ganbench.flows.answers import recalled, remembering

    found = recalled(asking)
    if found is None:
        with bars(quiet) as show, remembering(asking):
            found = work(show)
    return found


def teller(json: str) -> Callable[[str], None]:
    """Prints what is decided before the work: beside JSON on stdout, to stderr."""
    return lambda text: print(text, file=sys.stderr if json == "-" else sys.stdout)


def finish(answer: Answer, json: str, report: Path | None = None) -> None:
    """Print an answer, or write it as JSON, to a file or in place of the screen; and as a page."""
    from ganbench.flows.screen import Line, show
    from ganbench.flows.tables import write_json

    if json:
        write_json(json, answer.text)
    if report:
        from ganbench.flows.pages import write_answer

        write_answer(report, answer, sys.argv[1:])
    if json != "-":
        more = [f"JSON: {json}"] * bool(json) + [f"Report: {report}"] * bool(report)
        show([*answer.screen, *(Line(text, indent=0, whole=True) for text in more)])


@app.command()
@on_command_line(question=REFERENCE, opening=TRUST, machine=Machine)
def ensemble(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help=MODEL, show_default=False)],
    out: Annotated[str, typer.Option(metavar="FILE.toml", help="The model file to write.", show_default=False)],
    *,
    question: Question,
    seed: Seed = 0,
    budget: Annotated[
        int, typer.Option(min=0, help="Total number of images to draw, from the models where they help most.")
    ] = 0,
    reject: Annotated[bool, typer.Option("--reject", help="Rejection sampling with a density ratio.")] = False,
    rate: Annotated[float, typer.Option(min=0.01, max=0.99, help="With --reject: the share of images to keep.")] = 0.5,
    json: JsonFile = "",
    opening: Opening,
    machine: Machine,
) -> None:
    """Combine models: the mixture that is nearest to real images, and rejection sampling with a density ratio."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.run import run_ensemble

        with bars(quiet=json == "-") as show:
            found = run_ensemble(
                show, models, out, question, seed, opening, budget=budget, reject=reject, rate=rate)
        from ganbench.flows.ensemble import ensemble_json, ensemble_screen

        end(found, json, ensemble_json, ensemble_screen)


@app.command()
@on_command_line(opening=Opening, machine=Some(Machine, ("device", "batch_size", "debug")))
def sample(
    model: Model,
    out: Annotated[Path, typer.Option(help="A folder (PNG files), FILE.npz or FILE.parquet.", show_default=False)],
    *,
    n: Annotated[int, typer.Option("--n", min=1, help="How many images.")] = 100,
    seed: Seed = 0,
    no_mark: Annotated[bool, typer.Option("--no-mark", help="Leave out of the files that the images are synthetic, and "
                                          "of which model.")] = False,
    opening: Opening,
    machine: Machine,
) -> None:
    """Draw images and write them as PNG files, guided-diffusion's .npz, or Parquet for Hugging Face."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.run import run_sampling

        with bars(quiet=False) as show:
            found = run_sampling(show, model, out, n, seed, opening, not no_mark)
        print(f"{n:,} images in {out} ({n - found:,} drawn now, {found:,} from the store).")


@app.command()
@on_command_line(route=Route, opening=Opening, machine=Some(Machine, ("device", "debug")))
def interpolate(
    model: Model,
    out: Annotated[
        Path, typer.Option(help="FILE.webp, .gif, .mp4, a sheet in .png, or a folder of frames.", show_default=False)
    ],
    *,
    route: Route,
    json: JsonFile = "",
    report: ReportFile = None,
    opening: Opening,
    machine: Machine,
) -> None:
    """Draw a film that passes through images of a model, evenly paced, and say how smooth such paths are."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.interpolations import answer_of
        from ganbench.gan.films import film
        from ganbench.tasks.settings import workspace_of

        with bars(quiet=json == "-") as show:
            found = film(show, model, route, out, opening, workspace_of(opening.trust_pickle))
        finish(answer_of(found), json, report)


@app.command()
@on_command_line(opening=Opening, machine=Some(Machine, ("device", "debug")))
def explore(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help=MODEL, show_default=False)],
    *,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a page that needs no server, instead: GANs only.")
    ] = None,
    at: Annotated[
        str, typer.Option(metavar="STATE", help="What to begin with, such as seed=3:5,class=7,truncation=0.7,pca1=2.5.")
    ] = "seed=0",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Write the picture of --at, instead.")
    ] = None,
    map: Annotated[int, typer.Option(help="Images on the map; 0: no map.")] = 2_000,
    layout: Annotated[
        str, typer.Option(metavar="pca|umap", help="How the map is laid out; umap needs the package umap-learn.")
    ] = "pca",
    reference: Annotated[
        str, typer.Option(metavar="DATA|none", help="Real images: the nearest ones, and how realistic a picture is. "
                          "Empty: what the model has learnt, where that is known and here.")
    ] = "",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any that is free.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
    json: JsonFile = "",
    opening: Opening,
    machine: Machine,
) -> None:
    """Move through what models have learnt, in the browser: seeds, directions, classes, a map, films."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows import explorations

        scenery = explorations.Scenery(map, layout, reference)
        if out:
            finish(explorations.answer_of(explorations.picture(models, opening, at, out)), json)
        elif export:
            with bars(quiet=False) as show:
                size = explorations.export(show, models, opening, at, scenery, export)
            print(f"{export}: {size / 1e6:.1f} MB. Open it in a browser; it needs no server and no network.")
        else:
            stop_on_interrupt("The page's address holds its settings: open it again with them.", None)
            explorations.serve(models, opening, at, scenery, port, lambda address: opened(address, browser))


def opened(address: str, browser: bool) -> None:
    """Say where the page is, and open it."""
    import webbrowser

    print(f"{address}   Ctrl-C stops it.", flush=True)
    if browser:
        webbrowser.open(address)


@app.command()
@on_command_line(wish=Wish, opening=Opening, machine=Some(Machine, ("device", "debug")))
def invert(
    model: Model,
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Image files.", show_default=False)],
    out: Annotated[
        Path, typer.Option(help="FILE.png, beside which FILE.json is written, or a folder.", show_default=False)
    ],
    *,
    wish: Wish,
    json: JsonFile = "",
    report: ReportFile = None,
    opening: Opening,
    machine: Machine,
) -> None:
    """Find the latents from which a model makes images of yours, and test whether it could have made them."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.inversions import answer_of
        from ganbench.gan.inverting import inversion
        from ganbench.tasks.settings import workspace_of

        with bars(quiet=json == "-") as show:
            read = inversion(show, model, images, out, wish, opening, workspace_of(opening.trust_pickle))
        finish(answer_of(read), json, report)


@app.command()
@on_command_line(request=Request, opening=Opening, machine=Some(Machine, ("device", "debug")))
def condition(
    model: Model,
    *,
    request: Request,
    out: Annotated[
        Path | None, typer.Option(help="A folder, FILE.npz, FILE.parquet, or a sheet in FILE.png.", show_default=False)
    ] = None,
    json: JsonFile = "",
    report: ReportFile = None,
    opening: Opening,
    machine: Machine,
) -> None:
    """Images of one class from any model, judged by a classifier that the search has not used; or: unreachable."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.conditions import answer_of
        from ganbench.gan.controlling import control
        from ganbench.tasks.settings import workspace_of

        with bars(quiet=json == "-") as show:
            made = control(show, model, request, out, opening, workspace_of(opening.trust_pickle))
        finish(answer_of(made), json, report)


@app.command()
@on_command_line(wish=Repair, opening=Opening, machine=Some(Machine, ("device", "debug")))
def restore(
    model: Model,
    image: Annotated[Path, typer.Option(metavar="FILE|FOLDER", help="An image, or a folder of images.",
                                        show_default=False)],
    out: Annotated[
        Path, typer.Option(help="A sheet in FILE.png, beside which FILE.json is written, or a folder.",
                           show_default=False)
    ],
    *,
    wish: Repair,
    json: JsonFile = "",
    report: ReportFile = None,
    opening: Opening,
    machine: Machine,
) -> None:
    """Restore damaged images with a model, beside classical methods: holes, low resolution, noise, blur."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.restorations import answer_of
        from ganbench.gan.applications.restore.files import restoration
        from ganbench.tasks.settings import workspace_of

        with bars(quiet=json == "-") as show:
            made, files = restoration(show, model, image, out, wish, opening, workspace_of(opening.trust_pickle))
        finish(answer_of(made, files), json, report)


@app.command()
@on_command_line(request=Augmentation, opening=Opening, machine=Some(Machine, ("device", "debug")))
def augment(
    model: Model,
    *,
    request: Augmentation,
    out: Annotated[
        str, typer.Option(metavar="FOLDER", help="For a chart of all arms and a sheet of what was added.")
    ] = "",
    json: JsonFile = "",
    report: ReportFile = None,
    opening: Opening,
    machine: Machine,
) -> None:
    """Does a classifier learn more with a model's images? Beside flips, RandAugment, copies and unseen real images."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.augmentations import answer_of
        from ganbench.gan.applications.augment.augmenting import augment as augmented
        from ganbench.tasks.settings import workspace_of

        with bars(quiet=json == "-") as show:
            made = augmented(show, model, request, out, opening, workspace_of(opening.trust_pickle))
        finish(answer_of(made), json, report)


@app.command()
@on_command_line(styling=Styling, opening=Opening, machine=Some(Machine, ("device", "debug")))
def stylize(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=MODEL + " Or the folder of a training.",
                                         show_default=False)],
    *,
    styling: Styling,
    out: Annotated[
        Path | None, typer.Option(help="A strip in FILE.png, beside which FILE.json is written, or a folder of all "
                                  "images.", show_default=False)
    ] = None,
    json: JsonFile = "",
    report: ReportFile = None,
    opening: Opening,
    machine: Machine,
) -> None:
    """Show the content of one image in the style of another, at several strengths, and say what became of both."""
    with sentences(machine.debug):
        begin(machine)
        stop_on_interrupt("Nothing was written.")
        from ganbench.flows.stylizations import answer_of
        from ganbench.gan.applications.stylize.stylizing import stylize as stylized
        from ganbench.tasks.settings import workspace_of

        with bars(quiet=json == "-") as show:
            made = stylized(show, model, out, styling, opening, workspace_of(opening.trust_pickle))
        finish(answer_of(made), json, report)


publish = typer.Typer(
    no_args_is_help=True, rich_markup_mode="rich", context_settings={"help_option_names": ["-h", "--help"]},
    help="Hand a model on: weights that load in two lines, a card with its numbers, pages, pictures.",
)
app.add_typer(publish, name="publish")
Handed = Annotated[str, typer.Argument(metavar="MODEL|FOLDER", show_default=False,
                                       help=MODEL + " Or a folder that `publish folder` wrote.")]


@publish.command("folder")
@on_command_line(wish=Publication, question=Question, opening=Opening, machine=Machine)
def publish_folder(
    model: Model,
    out: Annotated[Path, typer.Option(help="The folder to write.", show_default=False)],
    *,
    wish: Publication,
    question: Question,
    seed: Seed = 0,
    json: JsonFile = "",
    opening: Opening,
    machine: Machine,
) -> None:
    """Write what is published of a model: weights, card, numbers, findings, pictures, pages.  Nothing is sent."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.publications import built, folder_answer
        from ganbench.tasks.settings import workspace_of

        with bars(quiet=json == "-") as show:
            found = built(show, model, wish, question, opening, seed, workspace_of(opening.trust_pickle), out)
        finish(folder_answer(found), json)


HubAddress = Annotated[str, typer.Option("--endpoint", metavar="URL", help="Of another Hub than huggingface.co.")]


@publish.command("plan")
@on_command_line(wish=Publication, question=Question, opening=Opening, machine=Machine)
def publish_plan(
    model: Handed, *, wish: Publication, question: Question, seed: Seed = 0, endpoint: HubAddress = "",
    json: JsonFile = "", opening: Opening, machine: Machine,
) -> None:
    """Show what would be published: files, sizes, hashes, licences, and every obstacle; exit 2 if there is one."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.publications import folder_of, plan_answer
        from ganbench.tasks.settings import workspace_of

        with bars(quiet=json == "-") as show:
            found = folder_of(show, model, wish, question, opening, seed, workspace_of(opening.trust_pickle))
        answer, fit = plan_answer(found, wish.repo, endpoint)
        finish(answer, json)
        if not fit:
            raise typer.Exit(2)


@publish.command("push")
@on_command_line(wish=Publication, question=Question, opening=Opening, machine=Machine)
def publish_push(
    model: Handed, *, wish: Publication, question: Question, seed: Seed = 0,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    endpoint: HubAddress = "", json: JsonFile = "", opening: Opening, machine: Machine,
) -> None:
    """Send it to --repo on the Hugging Face Hub, the card last; a push that was cut goes on.  The token: HF_TOKEN."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.publications import folder_of, pushed, sent_answer
        from ganbench.gan.hub.push import check_repo
        from ganbench.tasks.settings import hub_token, workspace_of

        check_repo(wish.repo)
        with bars(quiet=json == "-") as show:
            found = folder_of(show, model, wish, question, opening, seed, workspace_of(opening.trust_pickle))
            made = pushed(show, found, wish.repo, private, endpoint, hub_token())
        finish(sent_answer(made), json)


@publish.command("github")
@on_command_line(machine=HERE)
def publish_github(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What `publish folder` wrote.", exists=False,
                                           show_default=False)],
    repo: Annotated[str, typer.Option(metavar="OWNER/NAME", help="The repository, which exists.", show_default=False)],
    tag: Annotated[str, typer.Option(metavar="TAG", help="Of the release, such as v1.0.", show_default=False)],
    *,
    sign: Annotated[Path | None, typer.Option(metavar="KEYFILE", help="Sign SHA256SUMS with this SSH key.")] = None,
    endpoint: Annotated[
        str, typer.Option(metavar="URL", help="Of the API of GitHub Enterprise. Empty: api.github.com.")] = "",
    json: JsonFile = "",
    machine: Machine,
) -> None:
    """Make a release of a folder on GitHub, a draft until all is there.  The token: GITHUB_TOKEN."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.publications import released, sent_answer
        from ganbench.gan.hub.publishing import described_in
        from ganbench.tasks.settings import github_api, github_token

        described_in(folder)
        with bars(quiet=json == "-") as show:
            made = released(show, folder, repo, tag, endpoint or github_api(), sign, github_token())
        finish(sent_answer(made), json)


@app.command()
@on_command_line(asked=Study, opening=Opening, machine=Some(Machine, ("device", "workers", "debug")))
def study(
    model: Model,
    *,
    asked: Study,
    out: Annotated[str, typer.Option(metavar="DIR", help="Folder for all that is written; default: in the home "
                                     "folder.")] = "",
    opening: Opening,
    machine: Machine,
) -> None:
    """Everything about a model in one command: scores, baselines on the same images, report, latent space, uses, card.

    Says first what it will do and how long that takes. A study that was stopped goes on where it was.
    """
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.answers import asked as as_question

        given: dict[str, Any] = {"asked": asdict(asked), "opening": asdict(opening)}
        asking = None if machine.debug else as_question("study", out, model=model, **given)

        def work(bar: Show) -> Answer:
            from ganbench.flows.run_study import run_study

            return run_study(bar, asking, model, asked, out, opening)

        finish(answer_to(asking, work, quiet=False), "")


@app.command()
@on_command_line(machine=Some(Machine, ("inception_weights", "weights", "device", "workers", "debug")))
def statistics(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A name of `datasets`, or a folder or file of images.")],
    out: Annotated[
        Path,
        typer.Option(
            help="FILE.npz (pytorch-fid, TTUR, clean-fid, guided-diffusion), .pt (torch-fidelity) or .pkl (EDM2).",
            show_default=False,
        ),
    ],
    *,
    convention: Annotated[str, typer.Option(help="Which features: see `ganbench conventions`.")] = "embedded",
    machine: Machine,
) -> None:
    """Mean and covariance of the features of images, in a file for --reference or for other tools."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.run import run_statistics

        with bars(quiet=False) as show:
            found, notes = run_statistics(show, data, out, convention)
        for note in notes:
            print(f"Note: {note}.")
        print(f"Mean and covariance of {found.n:,} images, {len(found.mu):,} features each: {out}")


@app.command()
@on_command_line(opening=Some(Opening, ("weights_key", "trust_pickle")), machine=HERE)
def inspect(
    file: Annotated[str, typer.Argument(metavar="FILE", help=MODEL + " Or weights of any kind.", show_default=False)],
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="SPEC.toml", help="Write the proposed model file.", show_default=False)
    ] = None,
    json: AsJson = False,
    opening: Opening,
    machine: Machine,
) -> None:
    """Show the contents of a weights file, and a proposed model file; no code of the file is run."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.inspect import inspection_json, next_command, print_inspection, write_proposal
        from ganbench.gan.inspection import inspect_model
        from ganbench.tasks.settings import workspace_of

        with bars(quiet=json):
            found = inspect_model(file, workspace_of(opening.trust_pickle), weights_key=opening.weights_key,
                                  trust_pickle=opening.trust_pickle)
        if json:
            print(inspection_json(found))
        else:
            print_inspection(found)
        if out:
            write_proposal(found, out)
        command = "" if json else next_command(found, out, opening.trust_pickle)
        if command:
            print(f"\nNext: {command}")


@app.command()
@on_command_line(question=AUDITED, opening=Opening, machine=Machine)
def audit(model: Model, *, question: Question, seed: Seed = 0, json: JsonFile = "", opening: Opening,
          machine: Machine) -> None:
    """Does a model copy its training images? Suspicious images and their nearest training images, with p-values.

    Without real images outside the training set (--held-out) there are no p-values.
    """
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.run import run_audit

        with bars(quiet=json == "-") as show:
            outcome = run_audit(show, model, question, seed, opening)
        from ganbench.flows.audit import audit_json, audit_screen

        end(outcome, json, audit_json, audit_screen)


@app.command()
@on_command_line(question=ATTRIBUTED, opening=Opening, machine=Machine)
def attribute(model: Model, *, question: Question, seed: Seed = 0, json: JsonFile = "", opening: Opening,
              machine: Machine) -> None:
    """Contributions to a Fréchet distance: the images that raise or lower it most, and each class."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.run import run_attribution

        with bars(quiet=json == "-") as show:
            outcome = run_attribution(show, model, question, seed, opening)
        from ganbench.flows.audit import attribution_json, attribution_screen

        end(outcome, json, attribution_json, attribution_screen)


@app.command("explain-diff")
@on_command_line(machine=Some(Machine, ("inception_weights", "device", "workers", "debug")))
def explain_diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A reading: see `ganbench readings`.", show_default=False)],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.", show_default=False)],
    *,
    model: Annotated[str, typer.Option(help=MODEL)] = "zoo:dcgan-fashion-mnist",
    reference: Annotated[str, typer.Option(metavar="DATA", help="Real images.")] = "fashion-mnist:test",
    n: Annotated[int, typer.Option("--n", min=10, help="Images of the model, and at most as many real ones.")] = 500,
    extractor: Annotated[
        str, typer.Option(help="inception, or efficientnet_lite0, which needs no download, behind the same axes.")
    ] = "inception",
    other_weights: Annotated[Path | None, typer.Option(help="Another file of weights, for B.")] = None,
    seed: Seed = 0,
    json: JsonFile = "",
    machine: Machine,
) -> None:
    """Why two tools print different numbers for the same images: attribute the difference to its causes."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.explain import as_json, differences_screen, run_explanation

        with bars(quiet=json == "-") as show:
            found = run_explanation(
                show, a, b, model=model, reference=reference, n=n, extractor=extractor, seed=seed,
                other_weights=str(other_weights or ""),
            )
        end(found, json, lambda it: as_json(it, model=model, reference=reference, n=n, extractor=extractor),
            lambda it: differences_screen(it, n))


LISTS = {
    "models": "The models that come with ganbench, the families whose weights it can load, and other model formats.",
    "protocols": "Named measurements: a convention with reference data and counts.",
    "conventions": "How scores are computed, and which tools' numbers they match.",
    "metrics": "The metrics, and their papers.",
    "readings": "How other tools compute scores, for explain-diff.",
    "datasets": "Reference data by name.",
    "extractors": "Networks that turn images into features, and where their weights come from.",
    "recipes": "What `ganbench train` trains, for how long, and the score to expect.",
    "doctor": "What is installed, and which weights, data and servers are reachable.",
}


def listing(name: str, what: str) -> None:
    """Make a command that prints one of `ganbench.flows.lists`."""

    @on_command_line(machine=HERE)
    def command(*, json: AsJson = False, machine: Machine) -> None:
        with sentences(machine.debug):
            begin(machine)
            from ganbench.flows import lists
            from ganbench.flows.tables import print_list

            print_list(name.capitalize(), getattr(lists, name)(), json)

    app.command(name, help=what)(command)


for _name, _what in LISTS.items():
    listing(_name, _what)


@app.command()
@on_command_line(machine=HERE)
def cache(
    action: Annotated[
        str, typer.Argument(help="list, verify (every hash), collect (remove unused artefacts) or mirror "
                            "(copy what GANBENCH_MIRROR lacks).")
    ] = "list",
    *,
    older_than: Annotated[float, typer.Option(help="collect: artefacts not used for so many days; 0 for all.")] = 30,
    json: AsJson = False,
    machine: Machine,
) -> None:
    """List, verify, clean or copy the store."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.lists import CACHE
        from ganbench.flows.tables import print_list
        from ganbench.gan.types import BadInput

        if action not in CACHE:
            raise BadInput("unknown-choice", f"No cache action {action!r}. Known: {', '.join(CACHE)}.")
        print_list("Store", CACHE[action](older_than), json)


@app.command()
@on_command_line(machine=Some(Machine, ("inception_weights", "device", "debug")))
def verify(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Only what takes seconds: 100 images of 75,100.")] = False,
    data: Annotated[Path | None, typer.Option(help="A folder with CIFAR-10's binary release.")] = None,
    json: AsJson = False,
    machine: Machine,
) -> None:
    """Compute known values: closed forms, and published scores of CIFAR-10.

    Exits with 0 when every check was run and is right, else with 1.
    """
    with sentences(machine.debug):
        begin(machine, data=data and str(data))
        from ganbench.flows.lists import checks
        from ganbench.flows.run import run_verification
        from ganbench.flows.tables import print_checks

        with bars(quiet=json) as show:
            rows = checks(run_verification(show, quick))
        print_checks(rows, json)
        if any(row["state"] != "ok" for row in rows):
            raise typer.Exit(1)


@app.command()
@on_command_line(machine=HERE)
def ui(*, machine: Machine) -> None:
    """Start Prefect, MLflow and a worker on this machine, and print their addresses; Ctrl-C stops them."""
    with sentences(machine.debug):
        begin(machine)
        stop_on_interrupt("Ending Prefect, MLflow and the worker ...", seconds=None)
        from ganbench.flows.serving import run_servers

        run_servers()


@app.command()
@on_command_line(training=Training, machine=Some(Machine, ("device", "debug")))
def train(
    recipe: Annotated[str, typer.Argument(
        help="r3gan, dcgan, wgan-gp, stylegan2, flow, ddpm, edm, dit, gpt or maskgit; a recipe file; the folder of a "
        "training, to go on; or a shipped model's recipe. See `ganbench recipes`.", show_default=False)],
    *,
    out: Annotated[Path | None, typer.Option(
        help="A folder for snapshots, losses and the state to resume from.", show_default="in the home folder")] = None,
    training: Training,
    machine: Machine,
) -> None:
    """Train a model on your images, or a shipped model again; an interrupted training is resumed.

    Its snapshots are measured with images that it does not learn from. Losses and scores are in MLflow as they come.
    """
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.run_trainings import run_launched
        from ganbench.flows.trainings import trained_lines

        with bars(quiet=False) as show:
            trained = run_launched(show, print, recipe, out, training)
        if trained:
            print("\n".join(trained_lines(trained)))


@app.command()
@on_command_line(training=Some(Training, FOR_ALL), machine=Machine)
def baselines(
    *,
    training: Training,
    against: Annotated[list[str] | None, typer.Option(
        metavar="MODEL", help="Your own models to compare with; may be repeated.", show_default=False)] = None,
    kinds: Annotated[str, typer.Option(help="What is trained, each for the whole budget.")] = KINDS,
    n: Annotated[int, typer.Option(min=4, help="Images of each model in the comparison.")] = COMPARED,
    out: Annotated[str, typer.Option(metavar="DIR", help="Folder of the trainings and the report.")] = "",
    json: JsonFile = "",
    machine: Machine,
) -> None:
    """Train a GAN, a flow model and a transformer on your images, for the same time each, and compare them."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.comparisons import kept
        from ganbench.flows.run_trainings import run_baselines

        def work(show: Show) -> Answer:
            return kept(None, run_baselines(show, teller(json), training, against or [], kinds, n, out))

        finish(answer_to(None, work, quiet=json == "-"), json)


@app.command()
@on_command_line(training=Some(Training, SPECIALISED), machine=Machine)
def specialise(
    model: Annotated[str, typer.Argument(
        metavar="MODEL", help="What goes on: zoo:NAME, a model file, or the folder of a training.",
        show_default=False)],
    *,
    training: Training,
    cluster: Annotated[int, typer.Option(
        min=0, help="Specialise to this cluster of the images, 1 to 10, as `evaluate --by cluster` numbers them.",
        show_default=False)] = 0,
    n: Annotated[int, typer.Option(min=100, help="Images of each model, to measure with.")] = COMPARED,
    out: Annotated[str, typer.Option(metavar="DIR", help="Folder of the trainings and the table.")] = "",
    json: JsonFile = "",
    machine: Machine,
) -> None:
    """Let a model learn other images, or some of its own classes, by several strategies, and compare these."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.answers import Answer
        from ganbench.flows.run_trainings import run_specialisation
        from ganbench.flows.specialisations import specialised_json, specialised_screen

        with bars(quiet=json == "-") as show:
            found, tracked = run_specialisation(show, teller(json), model, training, cluster, n, out)
        where = f"MLflow: {tracked.problem or f'run {tracked.run_id}'}"
        finish(Answer(specialised_screen(found, where), specialised_json(found) if json else ""), json)


@app.command()
@on_command_line(opening=TRUST, machine=Machine)
def nightly(
    suite: Annotated[
        str, typer.Argument(metavar="SUITE.toml", help="A file with [[models]], or zoo:garments.", show_default=False)
    ],
    *,
    deploy: Annotated[bool, typer.Option("--deploy", help="Put it on the Prefect server, at its own time.")] = False,
    json: JsonFile = "",
    opening: Opening,
    machine: Machine,
) -> None:
    """Measure what is new in a suite, judge it, and add the night to the history; 3: regression, 4: other toolchain."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.run import put_on_server, run_nightly

        if deploy:
            print(put_on_server(suite))
            return
        with bars(quiet=json == "-") as show:
            found, night, said = run_nightly(show, suite, opening)
        if night is None:
            print(said)
            return
        from ganbench.flows.answers import Answer
        from ganbench.flows.nights import night_json, night_screen
        from ganbench.gan.nightly.sentences import alpha_left

        finish(Answer(night_screen(night, alpha_left(found, night)), night_json(night) if json else ""), json)
        raise typer.Exit(night.exit)


@app.command()
@on_command_line(machine=HERE)
def history(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="Its name or its file.", show_default=False)],
    *,
    picture: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw the history.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write it as a page.")] = None,
    accept: Annotated[
        str, typer.Option(metavar="MODEL|toolchain", help="Take its present state as meant to be.")
    ] = "",
    because: Annotated[str, typer.Option(metavar="TEXT", help="With --accept: why.")] = "",
    json: JsonFile = "",
    machine: Machine,
) -> None:
    """What a suite has measured, night by night: values with errors, verdicts, and what changed."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.answers import Answer
        from ganbench.flows.nights import (
            accepted,
            draw_history,
            history_json,
            history_of,
            history_screen,
            write_history,
        )

        found = history_of(suite)
        if accept:
            print(accepted(found, accept, because))
            return
        nights = found.nights()
        if picture:
            draw_history(nights, found.folder.name, picture)
        if report:
            write_history(nights, found.folder.name, report)
        finish(Answer(history_screen(nights), history_json(nights) if json else ""), json)


@app.command()
@on_command_line(machine=HERE)
def curves(
    logs: Annotated[list[str], typer.Argument(metavar="LOG...", help=LOG, show_default=False)],
    *,
    loss: Annotated[
        str, typer.Option(metavar="FAMILY", help="non-saturating, hinge, relativistic, wasserstein, denoising or "
                          "cross-entropy; default: as the curves look.")
    ] = "",
    recipe: Annotated[
        str, typer.Option(metavar="NAME", help="Draw the band of healthy runs of this recipe behind; default: of the "
                          "recipe of a training's folder.")
    ] = "",
    healthy: Annotated[
        list[str] | None, typer.Option(metavar="LOG", help="Draw the band of these runs behind, instead; repeat it.")
    ] = None,
    smoothing: Annotated[float, typer.Option(help="Weight of the moving average, from 0 to below 1.")] = 0.9,
    language: Annotated[str, typer.Option(metavar="en|fr", help="Of the screen and the picture.")] = "en",
    picture: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw the curves.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write them as a page.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write all points as one table.")] = None,
    json: JsonFile = "",
    machine: Machine,
) -> None:
    """Learning curves of any training: what its log shows, what is wrong, and what to do."""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows.answers import Answer
        from ganbench.flows.curves import curves_json, curves_screen, read_curves, write_outputs

        found = read_curves(logs, loss, recipe, healthy or [], smoothing, language)
        write_outputs(found, csv, picture, report)
        finish(Answer(curves_screen(found), curves_json(found) if json else ""), json)


@app.command()
@on_command_line(question=Question, machine=Machine)
def gate(
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help=MODEL, show_default=False)] = "",
    *,
    against: Annotated[str, typer.Option(metavar="MODEL", help="The baseline.")] = "",
    margin: Annotated[
        list[str] | None, typer.Option(metavar="METRIC=NUMBER|N%", help="By how much MODEL may be worse.")
    ] = None,
    alpha: Annotated[float, typer.Option(min=0.0001, max=0.5, help="The probability of any false alarm.")] = 0.05,
    nights: Annotated[int, typer.Option(min=1, max=1000, help="Nights over which alpha is spent.")] = 30,
    question: Question,
    seed: Seed = 0,
    simulate: Annotated[int, typer.Option(metavar="N", min=0, help="Simulate so many histories instead.")] = 0,
    models: Annotated[int, typer.Option(min=1, max=1000, help="With --simulate: models.")] = 10,
    spread: Annotated[
        float, typer.Option(min=0, help="With --simulate: benign spread of snapshots, in standard errors.")
    ] = 0,
    step: Annotated[float, typer.Option(help="With --simulate: a lasting regression, in standard errors.")] = 0,
    begin_at: Annotated[int, typer.Option("--from", min=1, help="With --step: the night on which it begins.")] = 10,
    json: JsonFile = "",
    machine: Machine,
) -> None:
    """Is MODEL worse than another one by more than a margin?  Or, with --simulate: how often does the gate cry wolf?"""
    with sentences(machine.debug):
        begin(machine)
        from ganbench.flows import nights as gates
        from ganbench.flows.answers import Answer
        from ganbench.gan.nightly.sentences import alpha_left

        if simulate:
            plan = gates.plan_of(simulate, nights, models, question.metrics, spread, step, begin_at, alpha, seed)
            found = gates.simulations(plan)
            finish(Answer(gates.simulation_screen(found), gates.simulation_json(found) if json else ""), json)
            return
        suite = gates.gated(model, against, margin or [], question, seed,
                            {"alpha": alpha, "nights": nights})
        with bars(quiet=json == "-") as show:
            night = gates.run_gate(suite, show)
        text = gates.night_json(night) if json else ""
        finish(Answer(gates.night_screen(night, alpha_left(suite, night)), text), json)
        raise typer.Exit(night.exit)


def write_utf8() -> None:
    """Where the locale has no ± (as with LC_ALL=C), write UTF-8, as Python itself does from 3.15 on."""
    for stream in (sys.stdout, sys.stderr):
        try:
            "±≤★".encode(stream.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            stream.reconfigure(encoding="utf-8")            # type: ignore[union-attr]


def main() -> None:
    stop_on_interrupt()
    write_utf8()
    app()


if __name__ == "__main__":
    main()
