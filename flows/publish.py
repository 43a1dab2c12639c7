"""The flow `publish`: the folder of a published model, from a form; sent to the Hub where that is wished."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from prefect import flow, runtime

from ganbench.flows.evaluate import Seed, short_name
from ganbench.flows.options import command_line, formed, in_form
from ganbench.flows.publications import place_of, screen_of, sent_screen
from ganbench.flows.results import AnyModel, Out, conclude, inquiry
from ganbench.gan.hub.bundle import CARD, NUMBERS
from ganbench.gan.hub.options import Publication
from ganbench.gan.hub.push import check_repo
from ganbench.gan.question import Opening, Option, Question
from ganbench.tasks.publications import publish_model, push_folder
from ganbench.tasks.settings import workspace_of

Send = Annotated[bool, Option(
    "Send", "Send the folder to the repository on the Hugging Face Hub. Otherwise it is only written.", card="Sending",
)]
Block = Annotated[str, Option(
    "Token", "The name of a Secret block in Prefect that holds the Hub's token. Empty: the worker has it, in HF_TOKEN "
    "or its keyring.", card="Sending",
)]


def run_name() -> str:
    """`publish dcgan-fashion-mnist`"""
    return f"publish {short_name(runtime.flow_run.parameters['model'])}"


@formed
@flow(name="publish", flow_run_name=run_name)
@in_form(wish=Publication, question=Question, opening=Opening)
def publish(
    model: AnyModel = "zoo:dcgan-fashion-mnist", *, wish: Publication, question: Question, seed: Seed = 0,
    out: Out = "", send: Send = False, token_block: Block = "", opening: Opening,
) -> Any:
    """Write what is published of a model: weights, card, numbers, findings, pictures, pages; and send it, if wished.

    What stands in the way of sending it, such as a missing licence, is listed.
    """
    workspace = workspace_of(opening.trust_pickle)
    if send:
        check_repo(wish.repo)
    asked = inquiry("publication", model, wish, opening, workspace)
    place = Path(out) if out else place_of(model, wish, question, opening, seed, workspace)
    found = publish_model(model, place, wish, question, opening, seed, workspace)
    screen = [*screen_of(found)]
    if send:
        screen += sent_screen(push_folder(place, wish.repo, token_block))
    command = command_line("publish folder", [model], wish, question, opening, seed=seed, out=place)
    numbers = {"files": len(found.parts), "bytes": sum(part.size for part in found.parts)}
    shown = [path for path in (place / CARD, place / NUMBERS, *sorted(place.glob("*.png"))) if path.is_file()]
    return found, conclude(asked, f"{found.title}, to be published", screen, numbers, shown, command,
                           str(place / "samples.png"))
