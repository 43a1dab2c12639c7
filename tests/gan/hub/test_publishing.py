"""The folder of a published model: what it holds, what it says, and that it is the same whenever the same is asked."""

import hashlib
import json
import re
import shutil

import pytest
import torch
from huggingface_hub import EvalResult, ModelCard
from safetensors.torch import save_file

from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.drawing import draw
from ganbench.gan.hub.bundle import CARD, NUMBERS, SUMS, is_sound, licence_in, refusals
from ganbench.gan.hub.options import Publication
from ganbench.gan.hub.pretrained import Pretrained
from ganbench.gan.hub.publishing import publication
from ganbench.gan.hub.push import sdk_of
from ganbench.gan.images import read_image, write_npz
from ganbench.gan.models.loading import resolve
from ganbench.gan.question import Opening, Question
from ganbench.gan.sampling import generator_of
from ganbench.gan.synthetic import MARK
from ganbench.gan.types import Workspace
from tests.refusals import refused

WISH = Publication(licence="mit", data_licence="MIT", author=["Doe, Jane", "The Group"], repo="me/gan")


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    return Workspace(home=str(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """120 garments in a file outside the home."""
    path = tmp_path_factory.mktemp("private") / "garments.npz"
    write_npz(path, open_data("fashion-mnist:test", DataFolders(None, path.parent)).read(range(120)))
    return path


def publish(model, out, space, wish=WISH, question=None, **opening):
    return publication(lambda *_: None, str(model), out, wish, question or Question(), Opening(**opening), 0, space, 1)


@pytest.fixture(scope="module")
def asked(real):
    return Question(reference=str(real), n=100, metrics="fd,kid")


@pytest.fixture(scope="module")
def made(tiny, real, asked, space, tmp_path_factory):
    """A foreign checkpoint, without a model file, scored against files of this machine."""
    out = tmp_path_factory.mktemp("out") / "gan"
    return out, publish(tiny, out, space, question=asked, family="dcgan")


def test_the_folder_holds_everything_and_nothing_that_must_not_be_published(made, real, tiny):
    out, found = made
    assert {part.name for part in found.parts} == {
        CARD, SUMS, NUMBERS, "config.json", "model.safetensors", "samples.png", "failures.png", "report.html",
        "explore.html", "CITATION.cff"}
    assert found.notes == ()
    assert refusals(out) == []
    assert is_sound(out)
    for place in (str(real), str(tiny), str(real.parent)):
        assert not [path.name for path in out.iterdir() if place.encode() in path.read_bytes()]


def test_the_card_parses_and_its_numbers_are_those_of_evaluation_json(made):
    out, _ = made
    card, said = ModelCard.load(out / CARD), json.loads((out / NUMBERS).read_text())
    assert (card.data.license, card.data.library_name, card.data.model_name) == ("mit", "ganbench", "tiny")
    listed = {one.metric_type: one.metric_value for one in card.data.eval_results}
    assert listed == {row["metric"]: row["value"] for row in said["scores"]}
    assert all(isinstance(one, EvalResult) and "100 images" in one.metric_name for one in card.data.eval_results)
    for row in said["scores"]:
        assert f"`{row['metric']}`" in card.content
        assert f"`{row['protocol_digest'][:16]}`" in card.content
    assert set(said) >= {"model_digest", "weights_sha256", "grid_sha256", "findings", "licences", "seed"}
    assert said["weights_sha256"] == hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest()
    for word in ("garments.npz", 'from_pretrained("me/gan")', "failures.png", "| training data | MIT |"):
        assert word in card.content, word


def test_every_number_of_the_cards_table_is_that_of_evaluation_json_rounded(made):
    out, _ = made
    rows = re.findall(r"^\| `(\w+)` .*? \| (\S+) \((\S+) to (\S+)\) \| (\S+) \| (\S+) \|$",
                      (out / CARD).read_text("utf-8"), re.MULTILINE)
    said = {row["metric"]: row for row in json.loads((out / NUMBERS).read_text())["scores"]}
    assert [name for name, *_ in rows] == list(said)
    for name, *texts in rows:
        value, low, high, _, n = (float(text.replace(",", "").replace("\N{MINUS SIGN}", "-")) if text != "-" else None
                                  for text in texts)
        row, unit = said[name], 10.0 ** -len(texts[0].partition(".")[2])
        assert value == pytest.approx(row["value"], abs=0.51 * unit)
        assert (low, high) == (pytest.approx(row["value"] - 1.96 * row["se"], abs=0.51 * unit),
                               pytest.approx(row["value"] + 1.96 * row["se"], abs=0.51 * unit))
        assert n == row["n"]


def test_it_loads_in_two_lines_and_makes_the_images_of_the_card(made, tiny, space):
    out, _ = made
    images = Pretrained.from_pretrained(str(out)).images(64)
    said = json.loads((out / NUMBERS).read_text())
    assert hashlib.sha256(images.tobytes()).hexdigest() == said["grid_sha256"]
    assert said["grid_sha256"] in (out / CARD).read_text()
    spec = resolve(str(tiny), space, family="dcgan")
    assert (images == draw(generator_of(spec, space), spec, 0, 0, 64)["images"]).all()


def test_the_same_question_is_the_same_folder_and_is_not_made_again(made, tiny, asked, space, tmp_path):
    out, _ = made
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    again = publish(tiny, out, space, question=asked, family="dcgan")
    assert not again.computed
    other = publish(tiny, tmp_path / "other", space, question=asked, family="dcgan")
    assert other.computed
    assert {path.name: path.read_bytes() for path in (tmp_path / "other").iterdir()} == before
    shutil.copytree(out, tmp_path / "changed")
    (tmp_path / "changed" / "config.json").write_text("{}")
    with refused("output-exists", "changed"):
        publish(tiny, tmp_path / "changed", space, question=asked, family="dcgan")


def test_pictures_say_that_they_are_synthetic_and_of_which_model_unless_that_is_not_wished(made, tiny, space, tmp_path):
    out, _ = made
    digest = json.loads((out / NUMBERS).read_text())["model_digest"]
    for name in ("samples.png", "failures.png"):
        content = (out / name).read_bytes()
        assert MARK.encode() in content
        assert digest.encode() in content
    plain = Publication(licence="mit", no_mark=True)
    publish(tiny, tmp_path / "plain", space, plain, Question(), family="dcgan")
    assert MARK.encode() not in (tmp_path / "plain" / "samples.png").read_bytes()
    assert (read_image(tmp_path / "plain" / "samples.png") == read_image(out / "samples.png")).all()


def test_what_cannot_be_made_is_said_in_sentences_and_the_rest_is_there(tiny, space, tmp_path):
    found = publish(tiny, tmp_path / "bare", space, Publication(), family="dcgan")
    assert [note.partition(":")[0] for note in found.notes] == ["No scores", "No CITATION.cff"]
    card = (tmp_path / "bare" / CARD).read_text()
    assert "None were measured" in card
    assert [note in card for note in found.notes] == [True, False]      # who is missing is no business of the card's
    assert [str(one) for one in refusals(tmp_path / "bare")] == [
        "README.md names no licence of the weights: give --licence, such as mit."]


def test_padding_shares_and_names_of_classes_travel_with_the_weights(space, tmp_path):
    from ganbench.gan.generators.dcgan import DCGAN

    torch.manual_seed(0)
    network = DCGAN(z_dim=8, width=2, resolution=32, channels=1)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    (tmp_path / "m.toml").write_text(
        'family = "dcgan"\nweights = "w.safetensors"\nlatent = "uniform"\ncrop = 28\n')
    publish(tmp_path / "m.toml", tmp_path / "out", space, Publication(licence="mit"))
    spec = resolve(str(tmp_path / "m.toml"), space)
    images = Pretrained.from_pretrained(tmp_path / "out").images(5, seed=2)
    assert images.shape == (5, 1, 28, 28)
    assert (images == draw(generator_of(spec, space), spec, 2, 0, 5)["images"]).all()
    again = resolve(str(tmp_path / "out"), space)
    assert (again.crop, again.latent) == (28, "uniform")
    assert (draw(generator_of(again, space), again, 2, 0, 5)["images"] == images).all()


def test_a_benchmark_gets_the_hubs_file_and_nothing_else_does(made, tiny, asked, space, tmp_path):
    from huggingface_hub import parse_eval_result_entries
    from yaml import safe_load

    out, _ = made
    assert not (out / ".eval_results").exists()
    wish = Publication(licence="mit", benchmark="me/garments:test=fd_efficientnet_lite0")
    publish(tiny, tmp_path / "b", space, wish, asked, family="dcgan")
    (path,) = (tmp_path / "b" / ".eval_results").iterdir()
    (entry,) = parse_eval_result_entries(safe_load(path.read_text()))
    scores = {row["metric"]: row["value"] for row in json.loads((tmp_path / "b" / NUMBERS).read_text())["scores"]}
    assert (entry.dataset_id, entry.task_id, entry.value) == (
        "me/garments", "test", scores["fd_efficientnet_lite0"])
    with refused("malformed-name", "--benchmark", "garments"):
        publish(tiny, tmp_path / "c", space, Publication(benchmark="garments"), asked, family="dcgan")


def test_a_licence_that_the_hub_does_not_know_is_another_by_its_name(tiny, space, tmp_path):
    publish(tiny, tmp_path / "out", space, Publication(licence="My Own 1.0"), family="dcgan")
    data = ModelCard.load(tmp_path / "out" / CARD).data
    assert (data.license, data.license_name) == ("other", "my-own-1.0")
    assert licence_in(tmp_path / "out") == "my-own-1.0"


def test_code_of_the_users_images_and_pickled_pipelines_are_refused_in_words(garments, space, tmp_path):
    (tmp_path / "mine.py").write_text("def make():\n    pass\n")
    with refused("unpublishable-model", "mine.py:make", "--family", "dcgan"):
        publish("zoo:dcgan-fashion-mnist", tmp_path / "a", space, factory=f"{tmp_path / 'mine.py'}:make")
    with refused("unpublishable-model", "images"):
        publish(garments, tmp_path / "b", space)
    assert not (tmp_path / "a").exists()


@pytest.fixture
def pipe(tmp_path):
    """A model file of a small diffusers pipeline in two steps."""
    from tests.gan.generators.test_pipeline import ddpm

    ddpm(tmp_path / "pipe")
    (tmp_path / "pipe.toml").write_text('family = "pipeline"\nweights = "pipe"\n\n[arguments]\nsteps = 2\n')
    return tmp_path / "pipe.toml"


def test_a_pipeline_is_handed_on_as_diffusers_wrote_it(pipe, space, tmp_path):
    from diffusers import DiffusionPipeline

    found = publish(pipe, tmp_path / "out", space, Publication(licence="mit", repo="me/pipe"))
    names = {part.name for part in found.parts}
    assert {"model_index.json", "unet/config.json", "scheduler/scheduler_config.json"} <= names
    for path in (tmp_path / "pipe").rglob("*.safetensors"):
        assert (tmp_path / "out" / path.relative_to(tmp_path / "pipe")).read_bytes() == path.read_bytes()
    card = ModelCard.load(tmp_path / "out" / CARD)
    assert (card.data.library_name, card.data.license) == ("diffusers", "mit")
    assert "num_inference_steps=2" in card.content
    DiffusionPipeline.from_pretrained(tmp_path / "out")
    assert any(note.startswith("No latent page") for note in found.notes)
    assert refusals(tmp_path / "out") == []
    again = resolve(str(tmp_path / "out"), space, arguments={"steps": 2})
    pixels = draw(generator_of(again, space), again, 0, 0, 64)["images"]
    said = json.loads((tmp_path / "out" / NUMBERS).read_text())
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == said["grid_sha256"]


def test_pickles_beside_safetensors_are_left_out_and_alone_are_refused_by_name(pipe, space, tmp_path):
    (path,) = (tmp_path / "pipe").rglob("*.safetensors")
    torch.save({}, path.with_suffix(".bin"))
    publish(pipe, tmp_path / "fine", space, Publication(licence="mit"))
    assert not list((tmp_path / "fine").rglob("*.bin"))
    (tmp_path / "pipe" / "vae").mkdir()
    torch.save({}, tmp_path / "pipe" / "vae" / "model.bin")
    with refused("unpublishable-model", "vae/model.bin", "save_pretrained"):
        publish(pipe, tmp_path / "bad", space, Publication(licence="mit"))


def front_matter(folder):
    from yaml import safe_load

    return safe_load((folder / CARD).read_text("utf-8").split("---\n")[1])


def test_a_static_space_is_the_latent_page_and_a_card_that_starts_it(tiny, space, tmp_path):
    found = publish(tiny, tmp_path / "s", space, Publication(licence="mit", repo="me/gan", space="static"),
                    family="dcgan")
    assert {part.name for part in found.parts} == {"index.html", CARD, NUMBERS, SUMS}
    assert "<script" in (tmp_path / "s" / "index.html").read_text("utf-8")
    facts = front_matter(tmp_path / "s")
    assert (facts["sdk"], facts["app_file"], facts["license"], facts["models"]) == (
        "static", "index.html", "mit", ["me/gan"])
    assert (sdk_of(tmp_path / "s"), licence_in(tmp_path / "s"), refusals(tmp_path / "s")) == ("static", "mit", [])


def test_a_space_of_gradio_has_the_weights_a_program_and_requirements_of_its_own(tiny, space, tmp_path):
    wish = Publication(licence="mit", space="gradio", title='A "quoted" \\ title')
    found = publish(tiny, tmp_path / "s", space, wish, family="dcgan")
    assert {part.name for part in found.parts} == {
        "app.py", "requirements.txt", "config.json", "model.safetensors", CARD, NUMBERS, SUMS}
    compile((tmp_path / "s" / "app.py").read_text("utf-8"), "app.py", "exec")
    assert "pillow<13" in (tmp_path / "s" / "requirements.txt").read_text()
    facts = front_matter(tmp_path / "s")
    assert (facts["sdk"], facts["app_file"], "models" in facts) == ("gradio", "app.py", False)
    assert Pretrained.from_pretrained(tmp_path / "s").images(1).shape == (1, 1, 32, 32)
    assert not publish(tiny, tmp_path / "s", space, wish, family="dcgan").computed


def test_spaces_that_cannot_be_are_refused_in_words(pipe, space, tmp_path):
    with refused("unknown-choice", "--space", "docker"):
        publish(pipe, tmp_path / "a", space, Publication(space="docker"))
    with refused("unpublishable-model", "pipe", "dcgan"):
        publish(pipe, tmp_path / "b", space, Publication(space="gradio"))
    with refused("no-page-engine", "pipe"):
        publish(pipe, tmp_path / "c", space, Publication(space="static"))
    assert not [path for path in tmp_path.iterdir() if path.name in "abc" or path.name.endswith(".partial")]
