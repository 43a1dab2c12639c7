"""Pictures that say how they were made."""

from __future__ import annotations

import base64
import io
import shlex

import numpy as np
from PIL.PngImagePlugin import PngInfo

from ganbench.gan.explorer.page import Named
from ganbench.gan.explorer.state import State
from ganbench.gan.images import to_pillow
from ganbench.gan.models.identity import identity


def png_of(named: Named, state: State) -> bytes:
    """The image of a state as PNG; its text chunks hold the state, the model and the command."""
    texts = {"ganbench:state": state.text, "ganbench:model": named.command,
             "ganbench:digest": identity(named.explored.spec)[:16], "ganbench:command": command_of(named, state)}
    info, buffer = PngInfo(), io.BytesIO()
    for name, text in texts.items():
        info.add_itxt(name, text)
    to_pillow(named.explored.image(state)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def command_of(named: Named, state: State) -> str:
    return f"ganbench explore {shlex.quote(named.command)} --at {shlex.quote(state.text)} --out picture.png"


def data_address(image: np.ndarray) -> str:
    """(C, H, W) uint8 as PNG in a data address."""
    buffer = io.BytesIO()
    to_pillow(image).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
