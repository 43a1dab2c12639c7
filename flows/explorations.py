"""What `ganbench explore` does: one picture, a page without a server, or a server on loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ganbench.flows.answers import Answer
from ganbench.flows.screen import Line
from ganbench.gan.datasets import DATASETS
from ganbench.gan.explorer.explored import Explored
from ganbench.gan.explorer.mapping import map_of
from ganbench.gan.explorer.page import Named, exported
from ganbench.gan.explorer.pictures import command_of, png_of
from ganbench.gan.explorer.server import Activity, app_of
from ganbench.gan.explorer.state import State, state_of
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.files import atomic_write
from ganbench.gan.jobs import asked_model
from ganbench.gan.models.identity import identity
from ganbench.gan.question import Opening, Question, protocol_of
from ganbench.gan.recipes.transfer import learnt_by
from ganbench.gan.sampling import generator_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.trials import check_output
from ganbench.gan.types import BadInput, digest_of
from ganbench.tasks.settings import workspace_of

Show = Callable[..., None]
MOST_MAPPED = 10_000


@dataclass(frozen=True)
class Picture:
    """One picture that was written, with the state that it shows."""

    model: str
    state: str
    out: str


def explored(models: Sequence[str], opening: Opening, at: str) -> list[Named]:
    """The models, loaded, each having drawn one image; the state is one that all of them have."""
    workspace, found = workspace_of(opening.trust_pickle), []
    for model in models:
        spec = asked_model(model, opening, workspace)
        if spec.factory:
            check_output(spec, 0, workspace)
        one = Explored(generator_of(spec, workspace), spec, workspace.device, classes_of(model))
        one.image(state_of(at))
        found.append(Named(one, model, start=at))
    return found


def classes_of(model: str) -> tuple[str, ...]:
    """The names of a model's classes, if it is known what it has learnt."""
    known = ""
    with suppress(BadInput, OSError, ValueError):
        known = learnt_by(model).partition(":")[0]
    return DATASETS[known].classes if known in DATASETS else ()


def picture(models: Sequence[str], opening: Opening, at: str, out: Path) -> Picture:
    """Write the picture of a state as PNG, with the state in it."""
    if len(models) != 1 or out.suffix.lower() != ".png":
        raise BadInput("unfit-value",
                       f"--out writes the picture of one model as FILE.png, got {len(models)} models and {out}.")
    with single_threaded():
        (named,) = explored(models, opening, at)
        data = png_of(named, state_of(at))
    atomic_write(out, lambda partial: partial.write_bytes(data))
    return Picture(named.explored.spec.name, state_of(at).text, str(out))


def export(show: Show, models: Sequence[str], opening: Opening, at: str, mapped: int, out: Path) -> int:
    """Write a page that needs no server; its size in bytes."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise BadInput("unknown-output-format", f"--export writes one page, FILE.html, got {out}.")
    check_mapped(mapped)
    with single_threaded():
        named = explored(models, opening, at)
        exported(named, version("ganbench"))                # says what cannot be written before the map is drawn
        drawn = map_for(named[0], opening, mapped, lambda n: show("map", n, 2 * mapped)) if mapped else None
        named[0] = replace(named[0], map=drawn)
        text = exported(named, version("ganbench"))
    atomic_write(out, lambda partial: partial.write_text(text, "utf-8"))
    return len(text.encode())


def check_mapped(mapped: int) -> None:
    if mapped and not 10 <= mapped <= MOST_MAPPED:
        raise BadInput("unfit-value",
                       f"The value of --map is {mapped:,}, expected 0 or a number from 10 to {MOST_MAPPED:,}.")


def map_for(named: Named, opening: Opening, n: int, tick: Callable[[int], object]) -> Mapping[str, Any]:
    """In the features of comparisons with one's own images."""
    lead = protocol_of(Question(reference="images")).extractors[0]
    return map_of(named.explored, extractor_of(lead, workspace_of(opening.trust_pickle)), n, tick)


@dataclass
class Background:
    """The map of a server, made while nobody asks for pictures."""

    named: Named
    opening: Opening
    n: int
    activity: Activity
    facts: Mapping[str, Any] = field(default_factory=dict)

    def begin(self) -> None:
        if not self.n or not self.named.explored.latent:
            self.facts = {"none": True}
        else:
            threading.Thread(target=self.make, daemon=True).start()

    def make(self) -> None:
        try:
            self.facts = map_for(self.named, self.opening, self.n, lambda n: self.activity.wait())
        except Exception:           # a page without its map is better than none
            self.facts = {"none": True}


def serve(
    models: Sequence[str], opening: Opening, at: str, mapped: int, port: int, begun: Callable[[str], None]
) -> None:
    """Answer on loopback until Ctrl-C; `begun` is told the address once it does."""
    import uvicorn

    check_mapped(mapped)
    with single_threaded(), listening(port) as own:
        named, activity = explored(models, opening, at), Activity()
        for one in named:
            _ = one.explored.directions
        background = Background(named[0], opening, mapped, activity)
        app = app_of(named, version("ganbench"), lambda: background.facts, activity, save)
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", ws_max_size=16 * 2**20))
        background.begin()
        begun(f"http://127.0.0.1:{own.getsockname()[1]}/")
        server.run(sockets=[own])


def save(named: Named, state: State) -> str:
    """Add the picture to the model's run in MLflow; its address, or the run's number."""
    from ganbench.tasks.tracking.explored import Kept, log_picture

    spec = named.explored.spec
    name = f"{spec.name}-{digest_of([state.text])[:8]}.png"
    found = log_picture(Kept(spec.name, identity(spec), state.text, command_of(named, state), name,
                             png_of(named, state)))
    if found.problem:
        raise BadInput("not-tracked", f"{found.problem}.")
    return found.url or f"run {found.run_id}"


def listening(port: int) -> socket.socket:
    """A socket on loopback; port 0: any that is free."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        made.close()
        raise BadInput("no-free-port",
                       f"Port {port} of this machine is not free: choose another --port, or 0 for any.") from error
    return made


def answer_of(found: Picture) -> Answer:
    facts = {"model": found.model, "state": found.state, "out": found.out}
    screen = [Line(f"{found.model}, {found.state}:"), Line(found.out, whole=True)]
    return Answer(screen, json.dumps({"picture": facts}, indent=1))
