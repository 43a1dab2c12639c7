"""What `ganbench explore` does: one picture, a page without a server, or a server on loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ganbench.flows.answers import Answer
from ganbench.flows.screen import Line
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.datasets.base import ImageSet
from ganbench.gan.explorer.explored import Explored
from ganbench.gan.explorer.mapping import Mapped, layout_of, map_of, mapped
from ganbench.gan.explorer.page import Named, exported
from ganbench.gan.explorer.pictures import command_of, data_address, png_of
from ganbench.gan.explorer.server import Activity, Beside, app_of
from ganbench.gan.explorer.state import State, state_of
from ganbench.gan.explorer.surroundings import MOST, Surroundings, check_enough, surroundings_of
from ganbench.gan.explorer.widgets import classes_of
from ganbench.gan.features.base import Extractor
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.files import atomic_write
from ganbench.gan.jobs import asked_model
from ganbench.gan.models.identity import identity
from ganbench.gan.question import Opening, Question, protocol_of
from ganbench.gan.recipes.transfer import learnt_by
from ganbench.gan.sampling import generator_of
from ganbench.gan.store import store_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.trials import check_output
from ganbench.gan.types import BadInput, digest_of
from ganbench.tasks.settings import workspace_of

Show = Callable[..., None]
Tick = Callable[[int], object]
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


def picture(models: Sequence[str], opening: Opening, at: str, out: Path) -> Picture:
    """Write the picture of a state as PNG, with the state in it."""
    if len(models) != 1 or out.suffix.lower() != ".png":
        raise BadInput("unfit-value",
                       f"The picture of one model is written as FILE.png; got {len(models)} models and {out}.")
    with single_threaded():
        (named,) = explored(models, opening, at)
        data = png_of(named, state_of(at))
    atomic_write(out, lambda partial: partial.write_bytes(data))
    return Picture(named.explored.spec.name, state_of(at).text, str(out))


@dataclass(frozen=True)
class Scenery:
    """What is around the pictures: images on the map and their layout, and real images (DATA; empty: what the first
    model has learnt, where that is known and here; none)."""

    mapped: int = 2_000
    layout: str = "pca"
    reference: str = ""

    def check(self) -> None:
        if self.mapped and not 10 <= self.mapped <= MOST_MAPPED:
            raise BadInput("unfit-value",
                           f"The value of --map is {self.mapped:,}, expected 0 or a number from 10 to "
                           f"{MOST_MAPPED:,}.")
        layout_of(self.layout)


def export(show: Show, models: Sequence[str], opening: Opening, at: str, scenery: Scenery, out: Path) -> int:
    """Write a page that needs no server; its size in bytes."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise BadInput("unknown-output-format", f"A page is exported as one file, FILE.html; got {out}.")
    scenery.check()
    with single_threaded():
        named = explored(models, opening, at)
        exported(named, version("ganbench"))                # says what cannot be written before the map is drawn
        if scenery.mapped:
            data = real_images(named[0], scenery.reference, opening)
            total = 2 * scenery.mapped + (min(data.n, MOST) if data else 0)
            tick = partial(show, "map", total=total)
            near = surrounded(named[0], data, opening, tick) if data else None
            named[0] = replace(named[0], map=map_of(mapped_for(named[0], opening, scenery, tick), near))
        text = exported(named, version("ganbench"))
    atomic_write(out, lambda partial: partial.write_text(text, "utf-8"))
    return len(text.encode())


def extractor_for(opening: Opening) -> Extractor:
    """That of comparisons with one's own images."""
    lead = protocol_of(Question(reference="images")).extractors[0]
    return extractor_of(lead, workspace_of(opening.trust_pickle))


def mapped_for(named: Named, opening: Opening, scenery: Scenery, tick: Tick) -> Mapped:
    return mapped(named.explored, extractor_for(opening), scenery.mapped, scenery.layout, tick)


def real_images(named: Named, reference: str, opening: Opening) -> ImageSet | None:
    """Real images of the size that the model draws.  BadInput: those that were asked for cannot be read."""
    folders = DataFolders.of(workspace_of(opening.trust_pickle))
    height, width = named.explored.image(State()).shape[1:]
    side = height if height == width else None
    if reference == "none":
        return None
    try:
        known = reference or learnt_by(named.command)
        found = open_data(known, folders, side) if known else None
        if found:
            check_enough(found)
        return found
    except (BadInput, OSError, ValueError):
        if reference:
            raise
        return None                                         # they are not here any more


def surrounded(named: Named, data: ImageSet, opening: Opening, tick: Tick) -> Surroundings:
    return surroundings_of(named.explored, data, extractor_for(opening),
                           store_of(workspace_of(opening.trust_pickle)), tick)


@dataclass
class Background:
    """The map and the real images of a server, prepared while nobody asks for pictures."""

    named: Named
    opening: Opening
    scenery: Scenery
    data: ImageSet | None
    activity: Activity
    drawn: Mapped | None = None
    near: Surroundings | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)      # for /map; `more`: others will follow

    def begin(self) -> None:
        threading.Thread(target=self.prepare, daemon=True).start()

    def prepare(self) -> None:
        steps = [self.draw] if self.scenery.mapped and self.named.explored.latent else []
        steps += [self.measure] if self.data else []
        for k, step in enumerate(steps):
            with suppress(Exception):       # a page without its map is better than none
                step()
            self.publish(more=k + 1 < len(steps))
        if not steps:
            self.publish(more=False)

    def draw(self) -> None:
        self.drawn = mapped_for(self.named, self.opening, self.scenery, lambda n: self.activity.wait())

    def measure(self) -> None:
        assert self.data is not None
        self.near = surrounded(self.named, self.data, self.opening, lambda n: self.activity.wait())

    def publish(self, more: bool) -> None:
        found = map_of(self.drawn, self.near) if self.drawn else {"none": True}
        real = {"real": self.near.data.name, "reals": len(self.near)} if self.near else {}
        self.facts = {**found, **real, "more": more}

    def around(self, state: State) -> Mapping[str, Any]:
        """The real images nearest to a state's image, as pictures in data addresses."""
        if self.near is None:
            raise BadInput("no-reference", "There are no real images beside this model.")
        realism, found = self.near.around(self.named.explored, state)
        names = self.near.data.classes
        return {"realism": realism, "near": [
            {"number": one.number, "distance": one.distance, "picture": data_address(one.image),
             "label": "" if one.label is None else names[one.label] if one.label < len(names) else str(one.label)}
            for one in found]}


def serve(
    models: Sequence[str], opening: Opening, at: str, scenery: Scenery, port: int, begun: Callable[[str], None]
) -> None:
    """Answer on loopback until Ctrl-C; `begun` is told the address once it does."""
    import uvicorn

    scenery.check()
    with single_threaded(), listening(port) as own:
        named, activity = explored(models, opening, at), Activity()
        data = real_images(named[0], scenery.reference, opening)
        for one in named:
            _ = one.explored.directions
        background = Background(named[0], opening, scenery, data, activity)
        beside = Beside(lambda: background.facts, background.around, save)
        app = app_of(named, version("ganbench"), beside, activity)
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
