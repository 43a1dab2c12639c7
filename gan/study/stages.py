"""The stages of a study, in their order, and which of them are left out."""

from __future__ import annotations

from collections.abc import Mapping

from ganbench.gan.types import BadInput

THEMES: Mapping[str, tuple[str, ...]] = {
    "evaluate": ("data", "evaluate", "audit", "curves"),
    "compare": ("baselines", "compare", "ensemble"),
    "explore": ("explore", "interpolate"),
    "apply": ("augment", "restore", "stylize"),
    "improve": ("specialise",),
    "share": ("publish",),
}
STAGES = tuple(name for names in THEMES.values() for name in names)
NEEDED = ("data", "evaluate")                               # by all others
TRAINED = "baselines"                                       # what the budget leaves is for these
AUGMENTED = "augment"                                       # and for the classifiers of this one
GROUPS = {"apply": THEMES["apply"]}


def left_out(without: str) -> frozenset[str]:
    """`apply,curves` -> the names of stages.  BadInput: no such stage, or one that others need."""
    words = [word.strip() for word in without.split(",") if word.strip()]
    for word in words:
        if word in NEEDED:
            raise BadInput("conflicting-options", f"The stage {word} cannot be left out: the others build on it.")
        if word not in STAGES and word not in GROUPS:
            known = ", ".join([*(name for name in STAGES if name not in NEEDED), *GROUPS])
            raise BadInput("unknown-choice", f"No stage {word!r} to leave out. Known: {known}.")
    return frozenset(name for word in words for name in GROUPS.get(word, (word,)))
