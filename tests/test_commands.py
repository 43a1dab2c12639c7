"""Every command that a document names is one: its options exist, its choices are valid, what it needs is given."""

import re
from itertools import pairwise

import pytest

from ganbench.gan.datasets import DATASETS
from ganbench.gan.features import EXTRACTORS
from ganbench.gan.generators import GENERATORS
from ganbench.gan.metrics import METRICS
from ganbench.gan.models.names import ZOO, zoo_names
from ganbench.gan.protocols import CONVENTIONS, PROTOCOLS
from ganbench.gan.recipes import RECIPES
from ganbench.gan.recipes.own import DESIGNS
from ganbench.tasks.runners import RUNNERS
from tests.commands import PLACEHOLDER, commands_of_the_documents, found

COMMANDS = list(dict.fromkeys(commands_of_the_documents()))
TABLES = {"--protocol": PROTOCOLS, "--convention": CONVENTIONS, "--metrics": METRICS, "--family": GENERATORS,
          "--runner": RUNNERS, "--recipe": RECIPES}
LETTERS = re.compile(r"[a-z][a-z0-9-]*")


@pytest.mark.parametrize("one", COMMANDS, ids=lambda one: f"{one.page}: {one.text[:60]}")
def test_a_command_of_the_documents_is_understood(one):
    _, command, words = found(one.words)
    options = {flag: option for option in command.params for flag in (*option.opts, *option.secondary_opts)}
    flags = [word.partition("=")[0] for word in words if word.startswith("--")]
    assert set(flags) <= {*options, "--help"}
    if one.whole:
        command.make_context(one.words[0], list(words))         # raises what the command line would print
    for flag, value in zip(words, [*words[1:], ""], strict=False):
        if flag.startswith("--") and not options[flag].is_flag and not PLACEHOLDER.match(value):
            for chosen in value.split(",") if one.whole and known(options[flag], flag) else ():
                assert chosen in known(options[flag], flag), f"{flag} {chosen}"
    for word in words:
        if word.startswith("zoo:") and not PLACEHOLDER.match(word[4:]):
            assert word[4:] in zoo_names(ZOO)


def known(option, flag) -> set[str]:
    """The values that an option takes, where they are a table or its placeholder lists them."""
    listed = (option.metavar or "").split("|")
    return set(TABLES.get(flag, listed if len(listed) > 1 and all(map(LETTERS.fullmatch, listed)) else ()))


@pytest.mark.parametrize("one", [one for one in COMMANDS if one.whole], ids=lambda one: f"{one.page}: {one.text[:60]}")
def test_names_of_data_extractors_and_recipes_are_in_their_tables(one):
    name, _, words = found(one.words)
    named = dict(pairwise(words))
    for flag in ("--data", "--reference", "--held-out", "--training", "--test"):
        source, _, split = named.get(flag, "").partition(":")
        if source in DATASETS and split:
            assert split in DATASETS[source].splits
        else:
            assert not split or source in DATASETS
    if LETTERS.fullmatch(named.get("--extractor", "-")):
        assert named["--extractor"] in EXTRACTORS
    if name == "train":
        assert words[0] in {*DESIGNS, *RECIPES} or words[0].endswith(".toml") or PLACEHOLDER.match(words[0])


def test_the_documents_show_every_command_at_work():
    """In a listing, with all that it needs; lists and what is only about the store are mentioned."""
    from tests.commands import command_line

    shown = {one.words[0] for one in COMMANDS if one.whole}
    mentioned = {one.words[0] for one in COMMANDS}
    assert mentioned == set(command_line().commands)
    assert {"evaluate", "compare", "ensemble", "sample", "inspect", "audit", "train", "baselines", "specialise",
            "explore", "interpolate", "invert", "condition", "restore", "augment", "stylize", "curves", "nightly",
            "history", "gate", "verify", "ui"} <= shown


def test_a_command_that_does_not_exist_is_noticed(tmp_path):
    from tests.commands import written

    page = tmp_path / "page.md"
    page.write_text("```\nganbench evaluate --tpyo 3 MODEL\nFOO=1 ganbench compare A B \\\n  --n 3  # as above\n```\n"
                    "`ganbench valuate`, <!-- `ganbench later` -->\n```python\nganbench = 1\n```\n")
    typo, split, mention = written(page)
    assert split.words == ["compare", "A", "B", "--n", "3"]
    assert not mention.whole
    with pytest.raises(AssertionError, match="valuate"):
        found(mention.words)
    with pytest.raises(AssertionError):
        test_a_command_of_the_documents_is_understood(typo)
