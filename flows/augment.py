"""The flow `augment`: whether a classifier learns more with a model's images, from a form."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, runtime

from ganbench.flows.augmentations import artifacts_of, numbers_of, screen_of
from ganbench.flows.evaluate import short_name
from ganbench.flows.options import command_line, formed, in_form
from ganbench.flows.results import AnyModel, conclude, inquiry
from ganbench.gan.applications.augment.options import Augmentation
from ganbench.gan.question import Opening, Option
from ganbench.tasks.augmenting import augment_data
from ganbench.tasks.settings import workspace_of

Folder = Annotated[str, Option(
    "Folder", "For a chart of all arms and a sheet of what was added; empty: one in the home folder.", card="Export")]


def run_name() -> str:
    """`r3gan-fashion-mnist for fashion-mnist`"""
    asked = runtime.flow_run.parameters
    return f"{short_name(asked['model'])} for {short_name(asked['data'])}"


@formed
@flow(name="augment", flow_run_name=run_name)
@in_form(request=Augmentation, opening=Opening)
def augment(
    model: AnyModel = "zoo:r3gan-fashion-mnist", *, request: Augmentation, out: Folder = "", opening: Opening
) -> Any:
    """Does a classifier of few real images learn more with a model's images, beside flips and unseen real images?

    Finished classifiers are in the store: a run that was killed goes on from there.
    """
    workspace = workspace_of(opening.trust_pickle)
    asked = inquiry("augmentation", model, request, opening, workspace)
    place = str(asked.place(out, ""))
    made = augment_data(model, request, place, opening, workspace)
    found = made.found
    return made, conclude(
        asked, f"{found.spec.name} for {found.real.name}: {found.verdict.state}", screen_of(made), numbers_of(made),
        artifacts_of(made), command_line("augment", [model], request, opening, out=place), made.files[0],
        {"verdict": found.verdict.state, "set": found.openness})
