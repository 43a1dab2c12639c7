"""The flow `specialise`: a model goes on to learn a target by several strategies, whose results are compared."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, runtime

from ganbench.flows.options import Some, command_line, formed, in_form
from ganbench.flows.specialisations import Specialised, place_of, record_of, write_outputs
from ganbench.flows.train import train
from ganbench.gan.codes import FAILED
from ganbench.gan.question import COMPARED, SPECIALISED, Option, Training, given
from ganbench.gan.specialise.planning import planned
from ganbench.gan.specialise.specialists import Row, memorises, some_of, suspicious
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import BadInput, BadOutput
from ganbench.tasks.settings import workspace_of
from ganbench.tasks.specialising import compare_with_target, draw_references, measure_specialist
from ganbench.tasks.tracking.results import track_result

Source = Annotated[str, Option(
    "Model", "What goes on: zoo:NAME, a model file (.toml) or the folder of a training, which also has the critic.",
    choices="ZOO", text="Name or path", card="",
)]
Cluster = Annotated[int, Option(
    "Cluster", "Specialise to this cluster of the images, 1 to 10, as `evaluate --by cluster` numbers them; 0: none.",
    least=0, card="",
)]
Number = Annotated[int, Option("Number of images", "Of each model, to measure with.", least=100)]
Out = Annotated[str, Option("Folder", "For the trainings and the table; empty: in the home folder.", card="")]


def run_name() -> str:
    """`specialise r3gan-fashion-mnist to boots`"""
    asked = runtime.flow_run.parameters
    what = asked.get("classes") or (f"cluster {asked['cluster']}" if asked.get("cluster") else asked.get("data"))
    return f"specialise {str(asked.get('model')).removeprefix('zoo:')} to {what or '?'}"


@formed
@flow(name="specialise", flow_run_name=run_name)
@in_form(training=Some(Training, SPECIALISED))
def specialise(
    model: Source = "zoo:r3gan-fashion-mnist", *, training: Training, cluster: Cluster = 0, n: Number = COMPARED,
    out: Out = "",
) -> Any:
    """Let a model go on to learn other images, or some of its own classes, by several strategies, and compare them.

    Training from scratch and plain fine-tuning always run beside, for the same time each.
    """
    workspace, folder = workspace_of(), place_of(out, model, training, cluster)
    with single_threaded():
        found = planned(model, training, cluster, folder, workspace)
        near = compare_with_target(found, n, workspace)
    trained, failed = {}, {}
    for name, asked in found.trainings.items():
        try:
            trained[name] = train(found.design, **given(asked), out=str(folder / name))
        except BadInput as error:                           # the others can still be compared
            if error.code not in FAILED:
                raise
            failed[name] = str(error)
    if not trained:
        raise BadOutput("training-diverged", next(iter(failed.values())))
    with single_threaded():
        sets, rows = draw_references(found, n, workspace)
        pictures: list[Row] = [some_of(sets.held_out, "target,\nheld out"), some_of(sets.source, "source")]
        for name, stage in found.stages.items():
            if name in failed:
                continue
            row, images, audit = measure_specialist(name, stage, sets, n, workspace)
            rows.append(row)
            pictures.append(some_of(images, name))
            if audit and memorises(row):
                pictures += suspicious(name, images, audit, sets)
    steps = {name: one.steps for name, one in trained.items()}
    result = Specialised(model, found.target.what, folder, near, tuple(rows), steps, n, failed)
    write_outputs(result, pictures)
    command = command_line("specialise", [model], training, cluster=cluster, n=n, out=folder)
    return result, track_result(record_of(result, command))
