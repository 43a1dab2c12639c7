"""CITATION.cff 1.2.0 (https://citation-file-format.github.io): how a published model is cited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganbench.gan.hub.licences import spdx


def citation(
    title: str, authors: Sequence[str], licence: str, version: str = "", url: str = "", paper: str = ""
) -> str:
    """`authors`: `Family, Given`, or the name of a group; `paper`: that of the architecture."""
    import yaml

    found: dict[str, Any] = {
        "cff-version": "1.2.0", "message": "If you use this model, please cite it as below.", "title": title,
        "type": "software", "authors": [person(name) for name in authors],
    }
    found |= {name: text for name, text in (("license", spdx(licence)), ("version", version), ("url", url)) if text}
    if paper:
        found["references"] = [{"type": "generic", "title": f"The architecture: {paper}",
                                "authors": [{"name": paper.partition(" 2")[0].removesuffix(" et al.")}]}]
    return yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=100)


def person(name: str) -> Mapping[str, str]:
    family, comma, given = (part.strip() for part in name.partition(","))
    return {"family-names": family, "given-names": given} if comma and given else {"name": family}
