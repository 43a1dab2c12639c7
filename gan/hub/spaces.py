"""A Space of the Hugging Face Hub: the latent page alone, or a program of Gradio beside the weights.

Gradio needs pillow < 13 and is in no environment of ganbench: its Space has requirements of its own.
https://huggingface.co/docs/hub/spaces-config-reference
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ganbench.gan.hub.licences import on_hub
from ganbench.gan.types import BadInput

KINDS = ("static", "gradio")
APP = Path(__file__).parent / "app.py.txt"      # no module of ours: it imports gradio
GRADIO = "6.31.0"       # with which the program was tried


def check_kind(kind: str) -> None:
    if kind not in ("", *KINDS):
        raise BadInput("unknown-choice", f"The value of --space is {kind!r}, expected {' or '.join(KINDS)}.")


def space_card(kind: str, title: str, repo: str, licence: str) -> str:
    """README.md, whose front matter tells the Hub what to start."""
    import yaml

    facts: dict[str, Any] = {
        "title": title, "emoji": "\N{GAME DIE}", "colorFrom": "gray", "colorTo": "blue", "sdk": kind,
        **({"sdk_version": GRADIO, "python_version": "3.12"} if kind == "gradio" else {}),
        "app_file": "app.py" if kind == "gradio" else "index.html", "pinned": False, **on_hub(licence),
        **({} if repo.startswith("ORG/") else {"models": [repo]}), "tags": ["ganbench", "synthetic"],
    }
    what = {"static": "The latent space of a generator, computed in the browser: nothing is sent anywhere.",
            "gradio": "Images of a generator, by seed, number and class: `pip install -r requirements.txt && "
                      "python app.py` starts it anywhere."}[kind]
    text = yaml.safe_dump(facts, sort_keys=False, allow_unicode=True)
    return f"---\n{text}---\n\n# {title}\n\n{what} Every image is synthetic. The model: `{repo}`.\n"


def space_program(title: str) -> Mapping[str, str]:
    """The files of a Space of Gradio beside the weights."""
    code = APP.read_text("utf-8").replace('"TITLE"', repr(title)).replace("TITLE", escaped(title))
    return {"app.py": code, "requirements.txt": f"gradio=={GRADIO}\npillow<13\nganbench>={version('ganbench')}\n"}


def escaped(title: str) -> str:
    """Within a text of the program."""
    return title.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
