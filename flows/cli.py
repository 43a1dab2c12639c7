"""The command `ganbench`.  Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="How good is an image generator? Scores with error bars, as cached Prefect flows that log to MLflow.",
)

MODEL = (
    "zoo:NAME, a TOML model file, a file of weights with --family or --factory, a .pt2 program, a folder of diffusers "
    "or ImageGPT, hf:ORG/REPO@REVISION, or a folder, .npz or .parquet of images."
)
Model = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL, show_default=False)]
Count = Annotated[int | None, typer.Option("--n", min=1, help="How many images to draw; else the protocol says.")]
Seed = Annotated[int, typer.Option(help="Image i depends on the model, the seed and i alone.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
Family = Annotated[str, typer.Option(help="The architecture of a bare file of weights: see `ganbench models`.")]
Factory = Annotated[str, typer.Option(metavar="MODULE:CALLABLE", help="Your own code that builds the generator.")]
WeightsKey = Annotated[str, typer.Option(help="Where in a checkpoint the generator's weights lie.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, ...")]
Trust = Annotated[
    bool, typer.Option("--trust-pickle", help="Load pickled checkpoints. They run code: only files that you trust.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error, and Prefect's log.")]
Inception = Annotated[Path | None, typer.Option(help="The 2015 Inception weights, where they cannot be downloaded.")]
Weights = Annotated[
    list[str] | None,
    typer.Option("--weights", metavar="NAME=PATH", help="Weights of an extractor: a file, or a Hugging Face folder."),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Shards worked on at a time, a thread each. Changes no number.")
]
BatchSize = Annotated[
    int | None,
    typer.Option(min=1, help="Images between two savings: what a killed run loses at most. Changes no number."),
]
Runner = Annotated[str | None, typer.Option(help="Where shards are worked on: threads, dask or ray.")]


def stop_on_interrupt(
    advice: str = "What was finished is kept: the same command goes on from there.", seconds: float | None = 5
) -> None:
    """Ctrl-C: say at once what becomes of the work, and leave within so many seconds.

    Ctrl-C also ends Prefect's temporary server, for whose answers Prefect would wait for minutes. What is
    finished lies in the store; what is not, is not visible there.
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
    """Errors as one sentence on stderr: exit 2 for bad input, 1 for failed work."""
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except Exception as error:
        if debug:
            raise
        from ganbench.gan.types import BadInput

        known = isinstance(error, BadInput)
        text = str(error) if known else f"{type(error).__name__}: {error} (--debug shows where)"
        print(f"ganbench: {' '.join(text.split())}", file=sys.stderr)
        raise typer.Exit(2 if known else 1) from None


@app.command()
def evaluate(
    model: Model,
    protocol: Annotated[str, typer.Option(help="A named measurement: see `ganbench protocols`.")] = "",
    convention: Annotated[
        str, typer.Option(help="How numbers are made, with --reference: see `ganbench conventions`.")
    ] = "",
    reference: Annotated[
        str,
        typer.Option(
            metavar="DATA", help="Real images to compare with: a name, folder, .npz or .parquet, or statistics (.npz)."
        ),
    ] = "",
    held_out: Annotated[
        str, typer.Option(metavar="DATA", help="Real images outside the reference, for the floor.")
    ] = "",
    training: Annotated[
        str, typer.Option(metavar="DATA", help="What the model learned from, for the metrics of memorisation.")
    ] = "",
    metrics: Annotated[
        str, typer.Option(metavar="NAME,NAME", help="Others than the convention's: see `ganbench metrics`.")
    ] = "",
    extractor: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE.toml|MODULE:CALLABLE",
            help="Another network than the convention's: see `ganbench extractors`, or your own.",
        ),
    ] = "",
    by: Annotated[
        str, typer.Option(metavar="class|cluster", help="Scores of each class, or of each cluster of real images, too.")
    ] = "",
    n: Count = None,
    seed: Seed = 0,
    json: Annotated[str, typer.Option(metavar="FILE|-", help="Write the scores as JSON; - for stdout.")] = "",
    family: Family = "",
    factory: Factory = "",
    weights_key: WeightsKey = "",
    inception_weights: Inception = None,
    weights: Weights = None,
    device: Device = None,
    workers: Workers = None,
    batch_size: BatchSize = None,
    runner: Runner = None,
    trust_pickle: Trust = False,
    debug: Debug = False,
) -> None:
    """Score a model: FID-like distances, KID and Inception Score with standard errors and floors."""
    with sentences(debug):
        given = {"device": device, "workers": workers, "batch_size": batch_size, "runner": runner}
        begin(debug, inception_weights=inception_weights and str(inception_weights),
              extractor_weights=by_name(weights), **given)
        from ganbench.flows.run import run_evaluation

        with bars(quiet=json == "-") as show:
            outcome = run_evaluation(
                show, model=model, protocol=protocol, convention=convention, reference=reference, held_out=held_out,
                training=training, metrics=metrics, extractor=extractor, by=by, n=n, seed=seed, family=family,
                factory=factory, weights_key=weights_key, trust_pickle=trust_pickle,
            )
        report(outcome, json)


def by_name(weights: list[str] | None) -> dict[str, str] | None:
    """`NAME=PATH` words -> name -> path."""
    from ganbench.gan.types import BadInput

    wrong = [word for word in weights or [] if not all(word.partition("="))]
    if wrong:
        raise BadInput(f"--weights {wrong[0]} is not NAME=PATH, such as dinov2-vitl14=dinov2_vitl14_pretrain.pth.")
    return {name: path for name, _, path in (word.partition("=") for word in weights)} if weights else None


def begin(debug: bool, **given: Any) -> None:
    """Settings first, since Prefect and MLflow read the environment when they are imported."""
    import os

    from ganbench.tasks.settings import configure

    if not debug:
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    configure(**given)


@contextmanager
def bars(quiet: bool) -> Iterator[Any]:
    """Progress bars on stderr by stage; silent when asked for, or when nobody watches."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ganbench.flows.tables import console

    watched = sys.stderr.isatty() and not quiet
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(to_stderr=True), disable=not watched, transient=True) as progress:
        ids: dict[str, Any] = {}

        def show(stage: str, images: int, total: int | None = None) -> None:
            if stage not in ids:
                ids[stage] = progress.add_task(stage, total=total)
            progress.update(ids[stage], advance=images, total=total)

        yield show


def report(outcome: Any, json: str) -> None:
    """The table, or the JSON, and where everything else is."""
    from ganbench.flows.tables import (
        console,
        print_list,
        print_scores,
        print_slices,
        published_row,
        scores_json,
        write_json,
    )

    if json:
        write_json(json, scores_json(outcome.scores, outcome.slices, outcome.provenance))
    if json == "-":
        return
    print_scores(outcome.scores, f"{outcome.scores[0].model}, {outcome.scores[0].protocol}")
    if outcome.slices:
        print_slices(outcome.slices)
    if outcome.published:
        print_list("Published under the same protocol", [published_row(row) for row in outcome.published], False)
    print(f"Images: {outcome.found:,} from the store, {outcome.drawn:,} drawn now.")
    print(f"Features: {outcome.features_found} shards from the store, {outcome.features_made} made now.")
    print(f"Picture: {outcome.picture}")
    tracked = outcome.tracked
    if tracked.problem:
        print(f"MLflow: {tracked.problem}.")
    else:
        age, where = "new" if tracked.new else "logged before", tracked.url or "`ganbench ui` shows it"
        print(f"MLflow: run {tracked.run_id}, {age}; {where}")
    if json:
        console().print(f"JSON: {json}")


@app.command()
def compare(
    models: Annotated[list[str], typer.Argument(metavar="MODEL MODEL...", help=MODEL, show_default=False)],
    protocol: Annotated[str, typer.Option(help="A named measurement: see `ganbench protocols`.")] = "",
    convention: Annotated[str, typer.Option(help="How numbers are made, with --reference.")] = "",
    reference: Annotated[str, typer.Option(metavar="DATA", help="Real images to compare with.")] = "",
    held_out: Annotated[str, typer.Option(metavar="DATA", help="Real images outside the reference, for floors.")] = "",
    training: Annotated[str, typer.Option(metavar="DATA", help="What the models learned from.")] = "",
    metrics: Annotated[str, typer.Option(metavar="NAME,NAME", help="Others than the convention's.")] = "",
    extractor: Annotated[str, typer.Option(help="Another network than the convention's.")] = "",
    n: Count = None,
    seed: Seed = 0,
    report: Annotated[str, typer.Option(metavar="DIR", help="Where the report goes; else into the home folder.")] = "",
    json: Annotated[str, typer.Option(metavar="FILE|-", help="Write the scores as JSON; - for stdout.")] = "",
    inception_weights: Inception = None,
    weights: Weights = None,
    device: Device = None,
    workers: Workers = None,
    batch_size: BatchSize = None,
    runner: Runner = None,
    trust_pickle: Trust = False,
    debug: Debug = False,
) -> None:
    """Which model is better, and how sure that is: ranks that allow for chance, costs, the best mixture, a report."""
    with sentences(debug):
        given = {"device": device, "workers": workers, "batch_size": batch_size, "runner": runner}
        begin(debug, inception_weights=inception_weights and str(inception_weights),
              extractor_weights=by_name(weights), **given)
        from ganbench.flows.run import run_comparison
        from ganbench.flows.tables import write_json

        with bars(quiet=json == "-") as show:
            compared = run_comparison(
                show, models=models, protocol=protocol, convention=convention, reference=reference, held_out=held_out,
                training=training, metrics=metrics, extractor=extractor, n=n, seed=seed, report=report,
                trust_pickle=trust_pickle,
            )
        from ganbench.flows.comparisons import comparison_json, print_comparison

        if json:
            write_json(json, comparison_json(compared))
        if json != "-":
            print_comparison(compared)


@app.command()
def ensemble(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help=MODEL, show_default=False)],
    out: Annotated[str, typer.Option(metavar="FILE.toml", help="The model file to write.", show_default=False)],
    protocol: Annotated[str, typer.Option(help="A named measurement: see `ganbench protocols`.")] = "",
    convention: Annotated[str, typer.Option(help="How numbers are made, with --reference.")] = "",
    reference: Annotated[str, typer.Option(metavar="DATA", help="Real images to come near to.")] = "",
    extractor: Annotated[str, typer.Option(help="Another network than the convention's.")] = "",
    n: Count = None,
    seed: Seed = 0,
    budget: Annotated[
        int, typer.Option(min=0, help="Draw so many images of all models together, where they are of use.")
    ] = 0,
    reject: Annotated[bool, typer.Option("--reject", help="Keep images that a density ratio takes for real.")] = False,
    rate: Annotated[float, typer.Option(min=0.01, max=0.99, help="With --reject: the share of images to keep.")] = 0.5,
    json: Annotated[str, typer.Option(metavar="FILE|-", help="Write what was found as JSON; - for stdout.")] = "",
    inception_weights: Inception = None,
    weights: Weights = None,
    device: Device = None,
    workers: Workers = None,
    runner: Runner = None,
    trust_pickle: Trust = False,
    debug: Debug = False,
) -> None:
    """Several models as one: the shares that are nearest to real images; and the images that are worth keeping."""
    with sentences(debug):
        begin(debug, inception_weights=inception_weights and str(inception_weights), device=device, workers=workers,
              extractor_weights=by_name(weights), runner=runner)
        from ganbench.flows.run import run_ensemble
        from ganbench.flows.tables import write_json

        with bars(quiet=json == "-") as show:
            found = run_ensemble(
                show, models=models, out=out, protocol=protocol, convention=convention, reference=reference,
                extractor=extractor, n=n, seed=seed, budget=budget, reject=reject, rate=rate,
                trust_pickle=trust_pickle,
            )
        from ganbench.flows.ensemble import ensemble_json, print_ensemble

        if json:
            write_json(json, ensemble_json(found))
        if json != "-":
            print_ensemble(found)


@app.command()
def sample(
    model: Model,
    out: Annotated[Path, typer.Option(help="A folder (PNG files), FILE.npz or FILE.parquet.", show_default=False)],
    n: Annotated[int, typer.Option("--n", min=1, help="How many images.")] = 100,
    seed: Seed = 0,
    family: Family = "",
    factory: Factory = "",
    weights_key: WeightsKey = "",
    device: Device = None,
    batch_size: BatchSize = None,
    trust_pickle: Trust = False,
    debug: Debug = False,
) -> None:
    """Draw images and write them as PNG files, guided-diffusion's .npz, or Parquet for Hugging Face."""
    with sentences(debug):
        begin(debug, device=device, batch_size=batch_size)
        from ganbench.flows.run import run_sampling

        with bars(quiet=False) as show:
            found = run_sampling(
                show, model, out, n=n, seed=seed, family=family, factory=factory, weights_key=weights_key,
                trust_pickle=trust_pickle,
            )
        print(f"{n:,} images in {out} ({n - found:,} drawn now, {found:,} from the store).")


@app.command()
def statistics(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A name of `datasets`, or a folder or file of images.")],
    out: Annotated[
        Path,
        typer.Option(
            help="FILE.npz (pytorch-fid, TTUR, clean-fid, guided-diffusion), .pt (torch-fidelity) or .pkl (EDM2).",
            show_default=False,
        ),
    ],
    convention: Annotated[str, typer.Option(help="Whose features: see `ganbench conventions`.")] = "embedded",
    inception_weights: Inception = None,
    weights: Weights = None,
    device: Device = None,
    workers: Workers = None,
    debug: Debug = False,
) -> None:
    """Mean and covariance of the features of images, in a file that other tools read, and --reference too."""
    with sentences(debug):
        begin(debug, device=device, workers=workers, extractor_weights=by_name(weights),
              inception_weights=inception_weights and str(inception_weights))
        from ganbench.flows.run import run_statistics

        with bars(quiet=False) as show:
            found = run_statistics(show, data, out, convention)
        print(f"Mean and covariance of {found.n:,} images, {len(found.mu):,} features each: {out}")


@app.command()
def inspect(
    file: Annotated[str, typer.Argument(metavar="FILE", help=MODEL + " Or weights of any kind.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(metavar="SPEC.toml", help="Write a model file to go on with.", show_default=False)
    ] = None,
    weights_key: WeightsKey = "",
    json: AsJson = False,
    trust_pickle: Trust = False,
    debug: Debug = False,
) -> None:
    """What a file of weights holds, and the model file that it proposes; runs nothing of it."""
    with sentences(debug):
        begin(debug)
        from ganbench.flows.inspect import inspection_json, print_inspection, write_proposal
        from ganbench.gan.inspection import inspect_model
        from ganbench.tasks.settings import workspace_of

        found = inspect_model(file, workspace_of(trust_pickle), weights_key=weights_key, trust_pickle=trust_pickle)
        if json:
            print(inspection_json(found))
        else:
            print_inspection(found)
        if out:
            write_proposal(found, out)


@app.command()
def audit(
    model: Model,
    training: Annotated[str, typer.Option(metavar="DATA", help="What the model learned from.")] = "",
    held_out: Annotated[
        str, typer.Option(metavar="DATA", help="Real images that it has not seen: without them there is no p-value.")
    ] = "",
    n: Annotated[int, typer.Option("--n", min=50, help="How many images to draw.")] = 2_000,
    seed: Seed = 0,
    extractor: Annotated[str, typer.Option(help="In whose features near images are looked for.")] = "",
    json: Annotated[str, typer.Option(metavar="FILE|-", help="Write what was found as JSON; - for stdout.")] = "",
    family: Family = "",
    factory: Factory = "",
    device: Device = None,
    workers: Workers = None,
    runner: Runner = None,
    trust_pickle: Trust = False,
    debug: Debug = False,
) -> None:
    """Does a model copy its training images? The suspicious ones beside their nearest, with p-values."""
    with sentences(debug):
        begin(debug, device=device, workers=workers, runner=runner)
        from ganbench.flows.run import run_audit
        from ganbench.flows.tables import write_json

        with bars(quiet=json == "-") as show:
            outcome = run_audit(
                show, model=model, training=training, held_out=held_out, n=n, seed=seed, extractor=extractor,
                family=family, factory=factory, trust_pickle=trust_pickle,
            )
        from ganbench.flows.audit import audit_json, print_audit

        if json:
            write_json(json, audit_json(outcome))
        if json != "-":
            print_audit(outcome)
            print(f"Picture: {outcome.picture}")


@app.command()
def attribute(
    model: Model,
    protocol: Annotated[str, typer.Option(help="A named measurement: see `ganbench protocols`.")] = "",
    convention: Annotated[str, typer.Option(help="How numbers are made, with --reference.")] = "",
    reference: Annotated[str, typer.Option(metavar="DATA", help="Real images to compare with.")] = "",
    extractor: Annotated[str, typer.Option(help="Another network than the convention's.")] = "",
    n: Count = None,
    seed: Seed = 0,
    json: Annotated[str, typer.Option(metavar="FILE|-", help="Write what was found as JSON; - for stdout.")] = "",
    family: Family = "",
    factory: Factory = "",
    inception_weights: Inception = None,
    device: Device = None,
    workers: Workers = None,
    runner: Runner = None,
    trust_pickle: Trust = False,
    debug: Debug = False,
) -> None:
    """What a Fréchet distance is made of: the images that cost most and help most, and each class's part."""
    with sentences(debug):
        begin(debug, device=device, workers=workers, runner=runner,
              inception_weights=inception_weights and str(inception_weights))
        from ganbench.flows.run import run_attribution
        from ganbench.flows.tables import write_json

        with bars(quiet=json == "-") as show:
            outcome = run_attribution(
                show, model=model, protocol=protocol, convention=convention, reference=reference, extractor=extractor,
                n=n, seed=seed, family=family, factory=factory, trust_pickle=trust_pickle,
            )
        from ganbench.flows.audit import attribution_json, print_attribution

        if json:
            write_json(json, attribution_json(outcome))
        if json != "-":
            print_attribution(outcome)
            print(f"Picture: {outcome.picture}")


@app.command("explain-diff")
def explain_diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A reading: see `ganbench readings`.", show_default=False)],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.", show_default=False)],
    model: Annotated[str, typer.Option(help=MODEL)] = "zoo:dcgan-fashion-mnist",
    reference: Annotated[str, typer.Option(metavar="DATA", help="Real images.")] = "fashion-mnist:test",
    n: Annotated[int, typer.Option("--n", min=10, help="Images of the model, and at most as many real ones.")] = 500,
    extractor: Annotated[
        str, typer.Option(help="inception, or efficientnet_lite0, which needs no download, behind the same axes.")
    ] = "inception",
    other_weights: Annotated[Path | None, typer.Option(help="Another file of weights, for B.")] = None,
    inception_weights: Inception = None,
    seed: Seed = 0,
    json: Annotated[str, typer.Option(metavar="FILE|-", help="Write it as JSON; - for stdout.")] = "",
    device: Device = None,
    workers: Workers = None,
    debug: Debug = False,
) -> None:
    """Why two tools print different numbers: the same images read in two ways, and the gap shared out."""
    with sentences(debug):
        begin(debug, device=device, workers=workers, inception_weights=inception_weights and str(inception_weights))
        from ganbench.flows.explain import as_json, print_differences, run_explanation
        from ganbench.flows.tables import write_json

        with bars(quiet=json == "-") as show:
            found = run_explanation(
                show, a, b, model=model, reference=reference, n=n, extractor=extractor, seed=seed,
                other_weights=str(other_weights or ""),
            )
        if json:
            write_json(json, as_json(found, model=model, reference=reference, n=n, extractor=extractor))
        if json != "-":
            print_differences(found, n)


LISTS = {
    "models": "The models that travel with ganbench, the families whose weights it can load, and what else it opens.",
    "protocols": "Named measurements: a convention with reference data and counts.",
    "conventions": "How numbers are made, and whose numbers they match.",
    "metrics": "What is measured, and from which paper.",
    "readings": "How other tools read images, for explain-diff.",
    "datasets": "Reference data by name.",
    "extractors": "Networks that turn images into features, and where their weights come from.",
    "recipes": "What `ganbench train` trains, for how long, and the score to expect.",
    "doctor": "What is installed, and which weights, data and servers are reachable.",
}


def listing(name: str, what: str) -> None:
    """Make a command that prints one of `ganbench.flows.lists`."""

    def command(json: AsJson = False, debug: Debug = False) -> None:
        with sentences(debug):
            begin(debug)
            from ganbench.flows import lists
            from ganbench.flows.tables import print_list

            print_list(name.capitalize(), getattr(lists, name)(), json)

    app.command(name, help=what)(command)


for _name, _what in LISTS.items():
    listing(_name, _what)


@app.command()
def cache(
    action: Annotated[
        str, typer.Argument(help="list, verify (every hash) or collect (remove what nobody needs).")
    ] = "list",
    older_than: Annotated[float, typer.Option(help="collect: artefacts not used for so many days; 0 for all.")] = 30,
    json: AsJson = False,
    debug: Debug = False,
) -> None:
    """What the store holds; check it; make room."""
    with sentences(debug):
        begin(debug)
        from ganbench.flows.lists import CACHE
        from ganbench.flows.tables import print_list
        from ganbench.gan.types import BadInput

        if action not in CACHE:
            raise BadInput(f"No cache action {action!r}. Known: {', '.join(CACHE)}.")
        print_list("Store", CACHE[action](older_than), json)


@app.command()
def verify(
    quick: Annotated[bool, typer.Option("--quick", help="Only what takes seconds: 100 images of 75,100.")] = False,
    data: Annotated[Path | None, typer.Option(help="A folder with CIFAR-10's binary release.")] = None,
    inception_weights: Inception = None,
    device: Device = None,
    json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Compute numbers that are known: closed forms, and published scores of CIFAR-10.

    Exits with 0 when every check was run and is right, else with 1.
    """
    with sentences(debug):
        begin(debug, device=device, data=data and str(data),
              inception_weights=inception_weights and str(inception_weights))
        from ganbench.flows.lists import checks
        from ganbench.flows.run import run_verification
        from ganbench.flows.tables import print_checks

        with bars(quiet=json) as show:
            rows = checks(run_verification(show, quick))
        print_checks(rows, json)
        if any(row["state"] != "ok" for row in rows):
            raise typer.Exit(1)


@app.command()
def ui(debug: Debug = False) -> None:
    """Start Prefect, MLflow and a worker on this machine, and print their addresses; Ctrl-C stops them."""
    with sentences(debug):
        begin(debug)
        stop_on_interrupt("Ending Prefect, MLflow and the worker ...", seconds=None)
        from ganbench.flows.run import run_servers

        run_servers()


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="See `ganbench recipes`.", show_default=False)],
    out: Annotated[
        Path, typer.Option(help="A folder for snapshots, losses and the state to resume from.", show_default=False)
    ],
    steps: Annotated[int | None, typer.Option(min=1, help="How long, instead of the recipe's own steps.")] = None,
    data: Annotated[Path | None, typer.Option(help="A folder that holds data sets.")] = None,
    debug: Debug = False,
) -> None:
    """Train one of the shipped models again, its losses in MLflow; a run that was stopped goes on where it was."""
    with sentences(debug):
        begin(debug, data=data and str(data))
        from ganbench.flows.run import run_training

        with bars(quiet=False) as show:
            trained = run_training(show, recipe, out, steps or 0)
        print(f"{recipe}: {trained.steps:,} steps; weights, pictures, losses and state are in {trained.folder}.")
        print(f"MLflow: {trained.problem or f'run {trained.run_id}'}")


def main() -> None:
    stop_on_interrupt()
    app()


if __name__ == "__main__":
    main()
