"""Models in MLflow: evaluated models, linked to their runs and registered under their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench.gan.files import atomic_write
from ganbench.gan.types import BadInput
from ganbench.tasks.settings import settings, unchanged
from ganbench.tasks.tracking.client import connect, experiment_of, page_of_run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

DIGEST = "ganbench.model_digest"  # a tag
SPEC, LONGEST = "ganbench.model_file", 4_000  # a tag: the model file, if it is not too long for one
REGISTERED = "models:/"
MEASURED, BEST = "measured", "best"  # aliases: of the version measured last; of the best one under that protocol
CHAMPION = "champion"  # and of the one that holds a suite's title
TITLE = "ganbench.champion_of"  # a tag of its version: the suite
PLAIN = "An image generator; its versions differ in their weights."
PREVIEW = "preview.png"  # an artifact of a run
END = f"\n\n{PLAIN}"  # of our own description of a model
SCORE = "ganbench.score"  # a tag of a version: what its score is comparable to, and the score in full precision


def link_model(client: MlflowClient, experiment: str, run_id: str, name: str, digest: str, facts: Mapping[str, Any],
               about: Mapping[str, str] | None = None, spec: str = "") -> str:
    """The model of this digest, made when it is new, as an output of the run; -> its id in MLflow.

    `about`: what its page says of it: a score.  `spec`: its model file, so that models:/NAME@ALIAS opens it again.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    found = client.search_logged_models([experiment], filter_string=f"tags.`{DIGEST}` = '{digest}'", max_results=1)
    if found:
        model_id = found[0].model_id
    else:
        params = {key: str(value) for key, value in facts.items() if value not in ("", None)}
        tags = {DIGEST: digest, **({SPEC: spec} if 0 < len(spec) < LONGEST else {})}
        made = client.create_logged_model(experiment, name=safe(name), source_run_id=run_id, tags=tags,
                                          params=params, model_type="image generator")
        model_id = made.model_id
        client.finalize_logged_model(model_id, LoggedModelStatus.READY)
        register(client, safe(name), model_id, run_id)
    outputs = client.get_run(run_id).outputs
    if model_id not in {output.model_id for output in (outputs.model_outputs if outputs else [])}:
        client.log_outputs(run_id, [LoggedModelOutput(model_id, 0)])
    if about:
        describe(client, experiment, run_id, str(model_id), about)
    return str(model_id)


def register(client: MlflowClient, name: str, model_id: str, run_id: str) -> None:
    """A version of the registered model of this name; other weights are another version."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description=PLAIN)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    with default_address():
        client.create_model_version(name, f"models:/{model_id}", run_id, model_id=model_id)


def describe(client: MlflowClient, experiment: str, run_id: str, model_id: str, about: Mapping[str, str]) -> None:
    """Score and picture on the page of the registered model, and its aliases; a person's own words stay."""
    version = version_of(client, model_id)
    if version is None:
        return
    text = description(experiment, run_id, about, str(version.version))
    for name, value in {about["metric"]: about["score"], "protocol": about["protocol"],
                        SCORE: f"{about['group']} {about['value']}"}.items():
        client.set_model_version_tag(version.name, version.version, name, value)
    client.update_model_version(version.name, version.version, f"{about['metric']} {about['score']}")
    client.set_registered_model_alias(version.name, MEASURED, str(version.version))
    client.set_registered_model_alias(version.name, BEST, best_of(client, version, about))
    known = client.get_registered_model(version.name).description or ""
    if known in ("", PLAIN) or known.endswith(END):
        client.update_registered_model(version.name, text)


def description(experiment: str, run_id: str, about: Mapping[str, str], version: str) -> str:
    """Markdown: the score, then samples; MLflow's page loads pictures of its own server alone."""
    return (
        f"**{about['metric']} {about['score']}** (real images: {about['real']}; {about['better']} is better), "
        f"{about['protocol']}: [all scores of version {version}]({page_of_run(experiment, run_id)}).\n\n"
        f"![images drawn by this model](get-artifact?path={PREVIEW}&run_uuid={run_id}){END}"
    )


def best_of(client: MlflowClient, version: ModelVersion, about: Mapping[str, str]) -> str:
    """The best version among those whose scores are comparable."""
    tagged = {str(one.version): one.tags.get(SCORE, " ").split(" ")
              for one in client.search_model_versions(f"name = '{version.name}'")}
    values = {number: float(value) for number, (group, value) in tagged.items() if group == about["group"]}
    sign = 1 if about["better"] == "lower" else -1
    return min(values, key=lambda number: (sign * values[number], -int(number)), default=str(version.version))


def file_of_registered(model: str) -> str:
    """models:/NAME@ALIAS or models:/NAME/VERSION -> a model file in the home folder, or the file that was logged."""
    from mlflow.exceptions import MlflowException

    if not model.startswith(REGISTERED):
        return model
    name, _, alias = model.removeprefix(REGISTERED).partition("@")
    name, _, number = name.partition("/") if not alias else (name, "", "")
    client = connect()
    try:
        version = (client.get_model_version_by_alias(name, alias) if alias
                   else client.get_model_version(name, number))
    except MlflowException as error:
        raise BadInput("unknown-model", f"MLflow has no model {model}: {error.message.rstrip('.')}.") from error
    logged = client.get_logged_model(version.model_id) if version.model_id else None
    folder = settings().root / "registered" / f"{safe(name)}-{version.version}"
    if logged is not None and SPEC in logged.tags:
        path = folder / f"{safe(name)}.toml"
        atomic_write(path, lambda file: file.write_text(logged.tags[SPEC], "utf-8"))
        return str(path)
    return downloaded(model, folder)


def downloaded(model: str, folder: Path) -> str:
    """A model file or the weights among the artifacts of a version that a person has logged."""
    import mlflow

    with default_address():
        place = Path(mlflow.artifacts.download_artifacts(model, dst_path=str(folder)))
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    for suffix in (".toml", ".safetensors", ".pt2", ".pt", ".pth", ".ckpt", ".npz"):
        found = [path for path in files if path.suffix == suffix]
        if len(found) == 1:
            return str(found[0])
    raise BadInput("missing-weights", f"{model} holds no single model file or file of weights.")


def crown(digest: str, suite: str) -> bool:
    """Give the registered model of this digest the alias `champion`, and take it from who held the suite's title
    before; whether there is such a model."""
    client = connect()
    found = client.search_logged_models([experiment_of(client)], filter_string=f"tags.`{DIGEST}` = '{digest}'",
                                        max_results=1)
    version = version_of(client, str(found[0].model_id)) if found else None
    if version is None:
        return False
    for former in client.search_model_versions(f"tags.`{TITLE}` = '{safe(suite)}'"):
        client.delete_model_version_tag(former.name, former.version, TITLE)
        if is_champion(client, former):
            client.delete_registered_model_alias(former.name, CHAMPION)
    client.set_registered_model_alias(version.name, CHAMPION, str(version.version))
    client.set_model_version_tag(version.name, str(version.version), TITLE, safe(suite))
    return True


def is_champion(client: MlflowClient, version: ModelVersion) -> bool:
    """Whether `champion` still names this version; a search returns no aliases."""
    from mlflow.exceptions import MlflowException

    try:
        return str(client.get_model_version_by_alias(version.name, CHAMPION).version) == str(version.version)
    except MlflowException:
        return False


def version_of(client: MlflowClient, model_id: str) -> ModelVersion | None:
    return next(iter(client.search_model_versions(f"source_path = 'models:/{model_id}'")), None)


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
