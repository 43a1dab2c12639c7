"""The explorer in a notebook: a panel of widgets that shows the image of a state, and rows of images without any."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from html import escape
from typing import Any

import numpy as np
from PIL import Image

from ganbench.gan.datasets import DATASETS
from ganbench.gan.explorer.explored import Explored
from ganbench.gan.explorer.page import Named
from ganbench.gan.explorer.pictures import command_of
from ganbench.gan.explorer.state import Shift, State, short, state_of
from ganbench.gan.gallery import sheet, tile
from ganbench.gan.models.loading import model_file, resolve
from ganbench.gan.models.openers import complete
from ganbench.gan.recipes.transfer import learnt_by
from ganbench.gan.sampling import generator_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import BadInput, ModelSpec, Workspace

SIDE = 256              # pixels of the panel's picture
REACH = 4.0             # standard deviations of a direction, to both sides
MOST = 10**9            # a seed that a slider reaches
AS_DRAWN = "as drawn"


class Panel:
    """A model in a notebook.  Displayed, it is controls beside a picture; where no widget can be shown, the picture.

    `image`, `row` and `state` work without any widget, and so without JavaScript.
    """

    def __init__(self, explored: Explored, model: str, at: str = "seed=0"):
        self.explored, self.model, self.start, self.state = explored, model, state_of(at), state_of(at)
        self.controls: dict[str, Any] = {}
        self.image(self.state.text)

    def image(self, at: str = "") -> Image.Image:
        """The picture of a state, such as `seed=3,truncation=0.7,pca1=2`; by default the one that the panel shows."""
        return tile(self.pixels(state_of(at) if at else self.state), SIDE)

    def pixels(self, state: State) -> np.ndarray:
        """(C, H, W) uint8."""
        with single_threaded():
            return self.explored.image(state)

    def row(self, name: str, values: Sequence[float], at: str = "", columns: int | None = None) -> Image.Image:
        """Pictures that differ in one thing: `truncation`, `class`, `seed`, or a direction such as `pca1`."""
        start = at or self.state.text
        states = [f"{start},{name}={short(value)}" for value in values]
        images = np.stack([self.pixels(state_of(text)) for text in states])
        return sheet(images, columns or len(values), [self.caption(name, value) for value in values])

    def caption(self, name: str, value: float) -> str:
        """`pca1=2`; a class by its name, where that is known."""
        known = self.explored.classes[int(value)] if name == "class" else ""
        return known if known and not known.isdecimal() else f"{name}={short(value)}"

    @property
    def command(self) -> str:
        """What draws the same picture on the command line."""
        return command_of(Named(self.explored, self.model), self.state)

    @property
    def png(self) -> bytes:
        """The picture as a file."""
        self.image().save(buffer := io.BytesIO(), "PNG")
        return buffer.getvalue()

    # ---- Widgets

    @property
    def box(self) -> Any:
        """The controls and the picture, as one widget of ipywidgets."""
        widgets = needed_widgets()
        picture = widgets.Image(value=self.png, format="png", width=SIDE, height=SIDE)
        line = widgets.HTML(f"<code>{self.state.text}</code>")
        self.start = self.state
        self.controls = self.controls_by(widgets)

        def change(_: object) -> None:
            try:
                self.state = self.chosen()
                picture.value, line.value = self.png, f"<code>{self.state.text}</code>"
            except BadInput as error:
                line.value = escape(str(error))

        for control in self.controls.values():
            control.observe(change, "value")
        left = widgets.VBox([*self.controls.values(), line])
        return widgets.HBox([left, picture])

    def controls_by(self, widgets: Any) -> dict[str, Any]:
        """Those that mean something for this model, set to the panel's state."""
        start, explored, style = self.start, self.explored, {"description_width": "6em"}
        seed, live = min(start.place.seed, MOST), {"style": style, "continuous_update": True}
        found = {"seed": widgets.IntSlider(seed, 0, max(999, seed), description="seed", **live)}
        if explored.latent:
            found["truncation"] = widgets.FloatSlider(start.truncation, min=0, max=max(1.5, start.truncation),
                                                      step=0.05, description="truncation", **live)
        if explored.n_classes:
            names = [(AS_DRAWN, AS_DRAWN), *((name, k) for k, name in enumerate(explored.classes))]
            chosen = start.classes[0][0] if start.classes else AS_DRAWN
            found["class"] = widgets.Dropdown(options=names, value=chosen, description="class", style=style)
        if ways := self.directions:
            shift = self.start.shifts[0] if self.start.shifts else Shift("pca", 1, 0.0)
            name = f"{shift.method}{shift.number}"
            found["direction"] = widgets.Dropdown(options=ways, value=name if name in ways else ways[0],
                                                  description="direction", style=style)
            found["amount"] = widgets.FloatSlider(shift.amount, min=-REACH, max=REACH, step=0.1,
                                                  description="amount", **live)
        for name, option in explored.options.items():
            kind = widgets.IntSlider if option.whole else widgets.FloatSlider
            value = dict(start.options).get(name, option.value)
            # Not every position of the slider on its way: samplers are slow.
            found[name] = kind(value, min=option.least, max=option.most, description=name, style=style,
                               continuous_update=False)
        return found

    @property
    def directions(self) -> list[str]:
        """`pca1`, ..., `sefa1`, ...: the first ten of each method."""
        return [f"{method}{k + 1}" for method, found in self.explored.directions.items()
                for k in range(min(10, len(found)))]

    def chosen(self) -> State:
        """The state that the controls say; what there is no control for stays."""
        values = {name: control.value for name, control in self.controls.items()}
        parts = [] if values["seed"] == min(self.start.place.seed, MOST) else [f"seed={values['seed']}"]
        if "class" in values and values["class"] != (self.start.classes[0][0] if self.start.classes else AS_DRAWN):
            parts.append("" if values["class"] == AS_DRAWN else f"class={values['class']}")
        base = replace(self.start, classes=()) if "" in parts else self.start
        if "direction" in values:
            base = replace(base, shifts=base.shifts[1:])
            parts.append(f"{values['direction']}={short(values['amount'])}")
        parts += [f"{name}={short(values[name])}" for name in ("truncation", *self.explored.options)
                  if name in values and values[name] != self.usual(name)]
        kept = replace(base, truncation=1.0, options=()) if "truncation" in values else replace(base, options=())
        return state_of(",".join([kept.text, *filter(None, parts)]))

    def usual(self, name: str) -> float:
        return 1.0 if name == "truncation" else self.explored.options[name].value

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """The widget where there can be one, beside the picture for pages without a kernel or without JavaScript."""
        found = dict(self.box._repr_mimebundle_())
        return {**found, "image/png": base64.b64encode(self.png).decode(), "text/plain": self.command}


def needed_widgets() -> Any:
    """The module; BadInput without it."""
    try:
        import ipywidgets
    except ImportError as error:
        raise BadInput("missing-package",
                       "The panel of a notebook needs ipywidgets: pip install 'ganbench[notebook]'.") from error
    return ipywidgets


def explore(model: str | ModelSpec, at: str = "seed=0", *, workspace: Workspace | None = None) -> Panel:
    """A panel of widgets for a notebook: seed, truncation, class, a direction in the latent space, options of sampling.

    `model`: what `load` takes; `at`: the state to begin with, as `ganbench explore --at` names it.  Its methods `image`
    and `row` give pictures without widgets.
    """
    workspace = workspace or Workspace()
    spec = resolve(model, workspace) if isinstance(model, str) else complete(model, workspace)
    name = model if isinstance(model, str) else model_file(spec, workspace)
    return Panel(Explored(generator_of(spec, workspace), spec, workspace.device, classes_of(name)), name, at)


def classes_of(model: str) -> tuple[str, ...]:
    """The names of a model's classes, if it is known what it has learnt."""
    known = ""
    with suppress(BadInput, OSError, ValueError):
        known = learnt_by(model).partition(":")[0]
    return DATASETS[known].classes if known in DATASETS else ()
