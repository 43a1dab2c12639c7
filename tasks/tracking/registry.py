"""Models in MLflow: evaluated models, linked to their runs and registered under their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ganbench.tasks.settings import settings, unchanged

if TYPE_CHECKING:
    from mlflow import MlflowClient

DIGEST, ALIAS = "ganbench.model_digest", "measured"     # a tag; and the alias of the version measured last


def link_model(client: MlflowClient, experiment: str, run_id: str, name: str, digest: str, facts: Mapping[str, Any]
               ) -> str:
    """The model of this digest, made when it is new, as an output of the run; -> its id in MLflow."""
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    found = client.search_logged_models([experiment], filter_string=f"tags.`{DIGEST}` = '{digest}'", max_results=1)
    if found:
        model_id = found[0].model_id
    else:
        params = {key: str(value) for key, value in facts.items() if value not in ("", None)}
        made = client.create_logged_model(experiment, name=safe(name), source_run_id=run_id, tags={DIGEST: digest},
                                          params=params, model_type="image generator")
        model_id = made.model_id
        client.finalize_logged_model(model_id, LoggedModelStatus.READY)
        register(client, safe(name), model_id, digest, run_id)
    outputs = client.get_run(run_id).outputs
    if model_id not in {output.model_id for output in (outputs.model_outputs if outputs else [])}:
        client.log_outputs(run_id, [LoggedModelOutput(model_id, 0)])
    return str(model_id)


def register(client: MlflowClient, name: str, model_id: str, digest: str, run_id: str) -> None:
    """A version of the registered model of this name; other weights are another version."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description="An image generator; its versions differ in their weights.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    with default_address():
        version = client.create_model_version(name, f"models:/{model_id}", run_id, {DIGEST: digest}, model_id=model_id)
    client.set_registered_model_alias(name, ALIAS, str(version.version))


def safe(name: str) -> str:
    """MLflow refuses `/`, `:`, `.`, `%`, quotes in the names of models."""
    return "".join("-" if letter in "/:.%\"'" else letter for letter in name)


@contextmanager
def default_address() -> Iterator[None]:
    """MLflow looks a model up where its own default points to, and keeps that in the environment."""
    import mlflow

    with unchanged("MLFLOW_TRACKING_URI"):
        mlflow.set_tracking_uri(settings().tracking)
        try:
            yield
        finally:
            mlflow.set_tracking_uri(None)   # type: ignore[arg-type]
