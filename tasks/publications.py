"""The folder of a published model, and sending it, as Prefect tasks; see `ganbench.gan.hub`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from ganbench.gan.hub.bundle import refusals
from ganbench.gan.hub.options import Publication
from ganbench.gan.hub.publishing import Published, publication
from ganbench.gan.hub.push import Pushed, push
from ganbench.gan.question import Opening, Question
from ganbench.gan.types import BadInput, Workspace
from ganbench.tasks.artifacts import stage_bars
from ganbench.tasks.refusals import in_words
from ganbench.tasks.settings import hub_token, settings

NO_TOKEN = ("There is no token for the Hugging Face Hub: set HF_TOKEN, run `hf auth login`, or store it with "
            "`keyring set ganbench huggingface`.")


@task(name="publication", task_run_name="folder of {model}", persist_result=False, cache_policy=NO_CACHE)
@in_words
def publication_in_words(
    model: str, out: Path, wish: Publication, question: Question, opening: Opening, seed: int, workspace: Workspace
) -> Published:
    with stage_bars(f"folder of {model}") as show:
        return publication(show, model, out, wish, question, opening, seed, workspace, settings().workers)


def publish_model(
    model: str, out: Path, wish: Publication, question: Question, opening: Opening, seed: int, workspace: Workspace
) -> Published:
    """By a task, in this process; see `ganbench.tasks.stages.prepare_job`."""
    found: Published = publication_in_words(model, out, wish, question, opening, seed, workspace,
                                            return_state=True).result()
    return found


@task(name="push", task_run_name="send to {repo}", persist_result=False, cache_policy=NO_CACHE)
@in_words
def push_in_words(folder: Path, repo: str, block: str) -> Pushed:
    check_obstacles(folder)
    return push(folder, repo, needed(token_in(block) if block else hub_token(), NO_TOKEN))


def push_folder(folder: Path, repo: str, block: str) -> Pushed:
    """`block`: of Prefect, holds the token; '': the worker's environment does."""
    found: Pushed = push_in_words(folder, repo, block, return_state=True).result()
    return found


def token_in(block: str) -> str:
    """What a Secret block of Prefect holds; it is neither logged nor kept."""
    from prefect.blocks.system import Secret

    try:
        found: Any = Secret.load(block)
        return str(found.get())
    except ValueError as error:         # Prefect's word for a block that does not exist
        raise BadInput("unfit-setting", f"There is no Secret block {block!r} in Prefect.") from error


def check_obstacles(folder: Path, goal: str = "hub") -> None:
    """Refuse in one sentence that names every file."""
    why = refusals(folder, goal)
    if why:
        raise BadInput("obstacles-to-publishing", f"Nothing is sent: {' '.join(map(str, why))}")


def needed(token: str, said: str) -> str:
    if not token:
        raise BadInput("unfit-setting", said)
    return token
