"""The commands that train, after the command line is parsed: everything is planned and said before Prefect starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ganbench.flows.run import Show, begin_flow
from ganbench.flows.specialisations import distance_sentence
from ganbench.flows.specialisations import place_of as place_of_specialists
from ganbench.flows.trainings import check_budget, kinds_of, place_of, what_is_trained
from ganbench.gan.datasets import DataFolders
from ganbench.gan.files import check_room
from ganbench.gan.models.loading import resolve
from ganbench.gan.question import Training, given
from ganbench.gan.recipes.planning import default_folder, plan
from ganbench.gan.recipes.running import check_folder, progress, take_part
from ganbench.gan.specialise.planning import distance_to, planned
from ganbench.gan.threads import single_threaded
from ganbench.gan.training import several
from ganbench.gan.types import BadInput
from ganbench.tasks.progress import listening
from ganbench.tasks.runners import check_runner
from ganbench.tasks.settings import launched, settings, workspace_of

if TYPE_CHECKING:
    from ganbench.flows.compare import Compared
    from ganbench.flows.specialisations import Specialised
    from ganbench.tasks.tracking.client import Tracked
    from ganbench.tasks.training import Trained


def run_baselines(
    show: Show, say: Callable[[str], None], training: Training, against: Sequence[str], kinds: str, n: int, out: str
) -> Compared:
    """Plan all trainings first, so that bad input is reported at once; then run the flow `baselines`."""
    check_alone()
    check_runner()
    check_budget(training)
    workspace, folder = workspace_of(), place_of(out, training)
    for model in against:
        resolve(model, workspace)
    for name in kinds_of(kinds):
        planned = plan(name, training, folder / name, DataFolders.of(workspace), workspace.device)
        say(what_is_trained(planned))
        for stage in planned.stages:
            show(f"{name}: {stage.name}" if stage.name != name else name, *progress(stage))
    begin_flow()
    from ganbench.flows.baselines import baselines

    with listening(show):
        return baselines(**given(training), against=list(against) or None, kinds=kinds, n=n, out=str(folder))


def run_specialisation(
    show: Show, say: Callable[[str], None], model: str, training: Training, cluster: int, n: int, out: str
) -> tuple[Specialised, Tracked]:
    """Plan all trainings and say how far the target is, then run the flow `specialise`."""
    check_alone()
    check_runner()
    workspace, folder = workspace_of(), place_of_specialists(out, model, training, cluster)
    check_room(folder)

    def count(rows: int) -> None:
        show("images", rows)

    with single_threaded():
        found = planned(model, training, cluster, folder, workspace, count)
        say(f"Target: {found.target.what}.")
        say(distance_sentence(distance_to(found, n, workspace, count)))
    for name, planned_one in found.plans.items():
        say(f"{name}: {what_is_trained(planned_one)}")
        for stage in planned_one.stages:
            show(stage.name, *progress(stage))
    begin_flow()
    from ganbench.flows.specialise import specialise

    with listening(show):
        return specialise(model, **given(training), cluster=cluster, n=n, out=str(folder))


def run_launched(
    show: Show, say: Callable[[str], None], recipe: str, out: Path | None, training: Training
) -> Trained | None:
    """`run_training`, in the first of the processes that torch's launcher started; the others take part in what that
    one trains, and say nothing."""
    number, size, place = launched()
    with several.together(number, size, place, settings().device):
        if number:
            take_part(workspace_of())
            return None
        try:
            return run_training(show, say, recipe, out, training)
        finally:
            with suppress(RuntimeError):                    # another process has ended before
                several.tell(None)


def check_alone() -> None:
    """Several trainings, or measurements, are not for several processes."""
    if launched()[1] > 1:
        raise BadInput("conflicting-options",
                       "Torch's launcher is for `ganbench train` only: several processes would write the same files.")


def run_training(
    show: Show, say: Callable[[str], None], recipe: str, out: Path | None, training: Training
) -> Trained:
    """Train a recipe, with a bar for every stage; `say` is told what was decided."""
    workspace = workspace_of()
    folder = out or default_folder(recipe, training, settings().root / "training")
    planned = plan(recipe, training, folder, DataFolders.of(workspace), workspace.device, workspace)
    say(what_is_trained(planned))
    for stage in planned.stages:
        check_folder(stage)
        show(stage.name, *progress(stage))
    begin_flow()
    from ganbench.flows.train import train

    with listening(show):
        return train(recipe, **given(training), out=str(folder))
