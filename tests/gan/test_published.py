"""Published scores: every row is whole, and stands beside scores of its own protocol alone."""

import math
import re
from dataclasses import fields, replace
from urllib.parse import urlsplit

import pytest

from ganbench.gan.datasets import DATASETS
from ganbench.gan.features import EXTRACTORS
from ganbench.gan.metrics import METRICS
from ganbench.gan.protocols import CONVENTIONS, PROTOCOLS
from ganbench.gan.published import FAMILIES, TABLE, Published, beside, published, rows
from ganbench.gan.question import Question, protocol_of

OURS = PROTOCOLS["cifar10-fidelity-50k"]
ELSEWHERE = {"tfgan", "studiogan", "edm2", "maskgit"}     # conventions of other tools, which ganbench does not have
NAMES = {row.known_as or row.name for row in METRICS.values()} | {f"{m}_{e}" for m in METRICS for e in EXTRACTORS}


def named(row):
    return f"{row.model} {row.dataset} {row.resolution} {row.metric} {row.paper}"


@pytest.mark.parametrize("row", rows(), ids=named)
def test_every_row_is_a_number_with_a_source(row):
    assert math.isfinite(row.value)
    assert row.value > 0
    assert row.spread is None or 0 < row.spread < row.value
    assert row.family in FAMILIES
    assert row.metric in NAMES
    assert row.convention in {*CONVENTIONS, *ELSEWHERE}
    assert row.resolution in (28, 32, 64, 128, 256, 512)
    assert all(n is None or n >= 10_000 for n in (row.n_generated, row.n_reference))
    assert re.fullmatch(r"\d{4}\.\d{5}", row.arxiv)
    assert re.search(r"\d{4}$", row.paper)
    url = urlsplit(row.url)
    assert url.scheme == "https"
    assert re.fullmatch(r"[\w.-]+\.\w+", url.netloc)
    assert len(url.path) > 1
    assert row.checked


@pytest.mark.parametrize("row", rows(), ids=named)
def test_a_row_of_a_data_set_of_ours_names_a_split_and_no_more_images_than_it_has(row):
    name, _, split = row.dataset.partition(":")
    assert split
    if name in DATASETS:
        assert (row.n_reference or 0) <= DATASETS[name].splits[split]


def test_the_columns_of_the_table_are_the_fields_and_no_line_is_said_twice():
    lines = TABLE.read_text("utf-8").splitlines()
    assert lines[0].split(",") == [field.name for field in fields(Published)]
    assert len(rows()) == len(lines) - 1
    keys = {(r.model, r.dataset, r.resolution, r.metric, r.convention, r.paper, r.table) for r in rows()}
    assert len(keys) == len(rows())


def test_the_numbers_that_the_protocols_quote_are_in_the_table():
    """Those beside PROTOCOLS in gan/protocols.py."""
    by_model = {row.model: row for row in beside(OURS) if row.metric == "fid"}
    assert by_model["EDM"].value == 1.97
    assert by_model["EDM, by class"].value == 1.79
    assert by_model["StyleGAN2-ADA, by class"].value == 2.42
    clean = {row.model: (row.value, row.spread) for row in beside(PROTOCOLS["cifar10-clean-10k"])}
    assert clean["StyleGAN2-ADA"] == (9.26, 0.06)
    assert clean["StyleGAN2 + DiffAugment"] == (10.85, 0.10)
    assert {row.metric for row in beside(PROTOCOLS["cifar10-dgm-50k"])} == {"fd_dinov2"}


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=lambda protocol: protocol.name)
def test_what_stands_beside_a_preset_has_its_data_counts_and_convention(protocol):
    name, _, split = protocol.reference.partition(":")
    for row in beside(protocol):
        assert row.dataset == protocol.reference
        assert row.resolution == DATASETS[name].shape[1]
        assert (row.n_generated, row.n_reference) == (protocol.n_generated, DATASETS[name].splits[split])
        assert row.convention == protocol.convention.name


@pytest.mark.parametrize(("unlike", "what"), [
    (replace(OURS, reference="cifar10:test"), "another split"),
    (replace(OURS, reference="fashion-mnist:train"), "other data"),
    (replace(OURS, reference="photographs/"), "a folder of the user's"),
    (replace(OURS, reference="cifar10:"), "no split"),
    (replace(OURS, n_generated=10_000), "fewer generated images"),
    (replace(OURS, n_reference=10_000), "fewer real images"),
    (replace(OURS, convention=CONVENTIONS["clean"]), "another convention"),
    (protocol_of(Question("cifar10-fidelity-50k", extractor="efficientnet_lite0")),
     "another network under the convention's name"),
    (replace(OURS, convention=replace(OURS.convention, settings={"is": {"splits": 1}})), "other settings"),
    (replace(OURS, convention=replace(OURS.convention, name="mine")), "a convention of the user's"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_beside_an_unlike_protocol_stands_nothing(unlike, what):
    assert beside(OURS)
    assert beside(unlike) == []


def test_other_metrics_or_names_of_the_same_rules_change_nothing():
    assert beside(protocol_of(Question("cifar10-fidelity-50k", metrics="kid,fd"))) == beside(OURS)
    assert beside(replace(OURS, name="ours", n_reference=50_000)) == beside(OURS)


def test_fashion_mnist_as_published_has_28_pixels_and_ours_32_so_nothing_is_shown():
    assert len(published("fashion-mnist:test", "tfgan")) == 6
    assert all(row.resolution == 28 for row in published("fashion-mnist:test", "tfgan"))
    assert not any(beside(protocol) for protocol in PROTOCOLS.values() if protocol.reference.startswith("fashion"))


def test_rows_of_conventions_that_are_not_ours_are_there_to_be_read():
    found = published("cifar10:train", "studiogan")
    assert {row.model for row in found} >= {"DCGAN", "WGAN-GP", "SNGAN", "BigGAN", "StyleGAN2", "DDPM", "NCSN++"}
    dcgan = {row.metric: row.value for row in found if row.model == "DCGAN"}
    assert dcgan == {"fid": 48.29, "is": 6.11}
    assert published("cifar10:train", "none of these") == []
