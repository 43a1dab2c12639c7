"""One model has one identity, however it is named."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ganbench import evaluate
from ganbench.gan.files import file_digest
from ganbench.gan.generators.dcgan import DCGAN
from ganbench.gan.models import names
from ganbench.gan.models.identity import identity
from ganbench.gan.models.loading import resolve
from ganbench.gan.models.openers import complete
from ganbench.gan.store import store_of
from ganbench.gan.types import Convention, ModelSpec, Protocol, Workspace
from tests.refusals import refused

SMALL = {"z_dim": 10, "width": 4, "resolution": 32, "channels": 1}


def weights(path: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    torch.save(DCGAN(**SMALL).state_dict(), path)
    return path


def test_identity_is_content_not_name_or_place(tmp_path):
    a, b = weights(tmp_path / "a.pt"), tmp_path / "b.pt"
    b.write_bytes(a.read_bytes())
    first, second = (resolve(str(path), family="dcgan") for path in (a, b))
    assert first.name != second.name
    assert identity(first) == identity(second)
    assert identity(complete(replace(first, sha256=""), Workspace())) == identity(first)


def test_identity_changes_with_weights_and_with_what_is_made_of_them(tmp_path):
    spec = resolve(str(weights(tmp_path / "a.pt")), family="dcgan")
    other = resolve(str(weights(tmp_path / "b.pt", seed=1)), family="dcgan")
    assert len({identity(spec), identity(other), identity(replace(spec, latent="uniform"))}) == 3


def named_in_every_way(tmp_path, monkeypatch) -> list[str | ModelSpec]:
    """A file of weights: through two model files, one of them in the zoo; specs, complete and bare; and two paths."""
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    path = weights(zoo / "tiny.pt")
    monkeypatch.chdir(zoo)
    facts = 'family = "dcgan"\nweights = "tiny.pt"\n'
    (zoo / "tiny.toml").write_text(f'{facts}channels = 1\nresolution = 32\nsha256 = "{file_digest(path)}"')
    (zoo / "all.toml").write_text(f"{facts}[arguments]\nz_dim = 10\nwidth = 4\nresolution = 32\nchannels = 1")
    bare = ModelSpec("bare", family="dcgan", weights="tiny.pt")
    whole = resolve(str(zoo / "tiny.toml"))
    return [
        "tiny.toml", str(zoo / "all.toml"), bare, whole, replace(bare, weights=str(path), sha256=whole.sha256),
        replace(bare, arguments={"width": 4}, latent_shape=(10,)), ModelSpec(**vars(whole)),
    ]


def test_one_model_has_one_identity_and_one_set_of_shards_however_it_is_named(
    tmp_path, monkeypatch, garments, workspace
):
    models = named_in_every_way(tmp_path, monkeypatch)
    found = [resolve("zoo:tiny", zoo=tmp_path / "zoo"), resolve("tiny.pt", family="dcgan")]
    found += [resolve(model) if isinstance(model, str) else complete(model, workspace) for model in models]
    assert len({identity(spec) for spec in found}) == 1
    protocol = Protocol("tiny", Convention("pixels", ("pixels",)), str(garments), 60)
    scores = [evaluate(model, protocol, workspace=workspace) for model in models]
    assert len({(one[0].metric, one[0].value, one[0].model_digest) for one in scores}) == 1
    samples = [entry for entry in store_of(workspace).entries() if entry.kind == "samples"]
    assert len(samples) == 2                                # of the model, and of the reference


def test_a_zoo_models_file_and_a_bare_spec_are_the_zoo_model(workspace):
    spec = resolve("zoo:flow-fashion-mnist", workspace)
    bare = ModelSpec("mine", family="diffusion", weights=spec.weights)
    assert identity(complete(bare, workspace)) == identity(spec)
    assert identity(resolve(str(names.ZOO / "flow-fashion-mnist.toml"), workspace)) == identity(spec)


def test_images_have_the_identity_of_their_content_in_the_callers_home(garments, workspace):
    spec = resolve(str(garments), workspace)
    bare = ModelSpec("mine", family="images", weights=str(garments))
    assert identity(complete(bare, workspace)) == identity(spec)


def test_what_nobody_has_looked_at_has_no_identity(tmp_path):
    bare = ModelSpec("bare", family="dcgan", weights=str(weights(tmp_path / "a.pt")), sha256="0" * 64)
    with pytest.raises(ValueError, match="bare is not complete"):
        identity(bare)


def test_a_pickle_is_trusted_by_the_caller_alone(tmp_path, workspace):
    torch.save(DCGAN(**SMALL), tmp_path / "whole.pt")
    spec = ModelSpec("whole", family="pickled", weights=str(tmp_path / "whole.pt"))
    with refused("untrusted-code"):
        complete(spec, workspace)
    assert identity(complete(spec, replace(workspace, trust_pickle=True)))
