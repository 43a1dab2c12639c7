"""`ganbench publish`: a folder, its plan, and pushes to stubs of the Hub and of GitHub."""

import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ganbench.flows.cli import app
from ganbench.gan.hub.bundle import CARD, NUMBERS, SUMS
from tests.gan.hub import github_stub, hub_stub

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")         # of the Hub's library
TOKEN = "hf_" + "x" * 34


@pytest.fixture(autouse=True)
def no_tokens(monkeypatch):
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)


def publish(*words, code=0):
    done = CliRunner().invoke(app, ["publish", *map(str, words)])
    assert done.exit_code == code, done.output + done.stderr
    return done


@pytest.fixture(scope="module")
def written(tiny, tmp_path_factory):
    """A folder without scores, which is written in a second; tests take copies."""
    out = tmp_path_factory.mktemp("written") / "gan"
    publish("folder", tiny, "--family", "dcgan", "--licence", "mit", "--out", out, "--author", "Doe, Jane")
    return out


@pytest.fixture
def folder(written, tmp_path):
    shutil.copytree(written, tmp_path / "gan")
    return tmp_path / "gan"


@contextmanager
def stub(kind, monkeypatch, **given):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    found = {"hub": hub_stub.Hub, "github": github_stub.GitHub}[kind](**given)
    server = {"hub": hub_stub.serving, "github": github_stub.serving}[kind](found)
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def test_a_folder_is_listed_with_sizes_hashes_licences_and_what_is_missing(written, tiny, tmp_path):
    said = publish("folder", tiny, "--family", "dcgan", "--licence", "mit", "--out", written, "--author", "Doe, Jane")
    for word in ("model.safetensors", "the weights", "mit", "No scores: it is not known what the model has learnt",
                 str(written)):
        assert word in said.stdout, word
    bare = publish("folder", tiny, "--family", "dcgan", "--out", tmp_path / "bare", "--json", "-").stdout
    found = json.loads(bare)
    assert [one["file"] for one in found["obstacles"]] == [CARD]
    assert {one["name"] for one in found["files"]} >= {"model.safetensors", "config.json", SUMS}
    assert all(len(one["sha256"]) == 64 and one["size"] > 0 for one in found["files"])


PLANTED = {
    "token": ("notes.md", f"the token is {TOKEN}\n", "a token of Hugging Face"),
    "place": ("notes.md", "weights: /home/ana/gan.pt\n", "a path of a machine in line 1"),
    "pickle": ("model.pkl", "\x80\x04.", "is a pickle"),
    "size": ("big.png", None, "expected at most"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_each_obstacle_is_named_and_stops_plan_push_and_release(what, folder, monkeypatch):
    name, text, said = PLANTED[what]
    with (folder / name).open("wb") as file:
        file.write(text.encode("latin-1")) if text else file.truncate(50_000_000_001)
    if what == "size":
        monkeypatch.setattr("ganbench.gan.hub.bundle.file_digest", lambda path: "0" * 64)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_TOKEN", "t")
    plan = publish("plan", folder, code=2).stdout
    assert name in plan
    assert said in " ".join(plan.split())
    with stub("hub", monkeypatch) as hub, stub("github", monkeypatch) as github:
        for words in (["push", folder, "--repo", "me/gan", "--endpoint", hub.address],
                      ["github", folder, "--repo", "me/gan", "--tag", "v1", "--endpoint", github.address]):
            done = publish(*words, code=2)
            assert done.stderr.startswith(f"ganbench: Nothing is sent: {name} ")
            assert said in done.stderr
            assert TOKEN not in done.output + done.stderr
        assert (hub.requests, github.requests) == (0, 0)


def test_a_missing_licence_stops_it_by_name(tiny, tmp_path, monkeypatch):
    publish("folder", tiny, "--family", "dcgan", "--out", tmp_path / "bare")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert "give --licence" in publish("plan", tmp_path / "bare", code=2).stdout
    assert "README.md names no licence" in publish("push", tmp_path / "bare", "--repo", "me/gan", code=2).stderr


def test_a_push_arrives_whole_a_second_sends_nothing_and_a_plan_says_what_it_would_send(folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with stub("hub", monkeypatch) as hub:
        words = [folder, "--repo", "me/gan", "--endpoint", hub.address]
        assert "would send, in this order" in publish("plan", *words).stdout
        assert hub.files == {}
        assert "README.md." in publish("push", *words).stdout
        assert hub.files == {path.name: path.read_bytes() for path in folder.iterdir()}
        assert hub.commits[-1] == [CARD]
        assert "Nothing to send" in publish("push", *words).stdout
        assert "nothing to send" in publish("plan", *words).stdout
        (folder / NUMBERS).write_text((folder / NUMBERS).read_text() + "\n")
        assert json.loads(publish("push", *words, "--json", "-").stdout)["sent"] == [NUMBERS]


def test_a_push_of_the_whole_folder_that_is_cut_at_any_request_goes_on(folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with stub("hub", monkeypatch) as whole:
        publish("push", folder, "--repo", "me/gan", "--endpoint", whole.address)
    for cut in range(1, whole.requests + 1):
        with stub("hub", monkeypatch, fail_at=cut) as hub:
            words = ["push", folder, "--repo", "me/gan", "--endpoint", hub.address]
            assert "goes on" in publish(*words, code=2).stderr
            assert CARD not in hub.files or "model.safetensors" in hub.files
            hub.fail_at, there = None, set(hub.files)
            assert set(json.loads(publish(*words, "--json", "-").stdout)["sent"]) == whole.files.keys() - there
            assert hub.files == whole.files
            assert "Nothing to send" in publish(*words).stdout


def test_a_model_is_pushed_without_a_folder_of_ones_own(tiny, home, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with stub("hub", monkeypatch) as hub:
        words = ["push", tiny, "--family", "dcgan", "--licence", "mit", "--repo", "me/gan", "--endpoint", hub.address]
        publish(*words)
        assert 'from_pretrained("me/gan")' in hub.files[CARD].decode()
        assert "Nothing to send" in publish(*words).stdout
    (made,) = (home / "publications").iterdir()
    assert made.name.startswith("tiny-")


def test_a_release_arrives_and_a_second_one_sends_nothing(folder, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_x")
    with stub("github", monkeypatch) as hub:
        words = ["github", folder, "--repo", "me/gan", "--tag", "v1.0", "--endpoint", hub.address]
        assert "SHA256SUMS." in publish(*words).stdout
        assert hub.assets == {path.name: path.read_bytes() for path in folder.iterdir()}
        assert not hub.page["draft"]
        assert "Nothing to send" in publish(*words).stdout
        monkeypatch.setenv("GITHUB_API_URL", hub.address)
        assert "Nothing to send" in publish(*words[:-2]).stdout


@pytest.mark.parametrize(("words", "said"), [
    (["push", "FOLDER", "--repo", "me/gan"], "There is no token for the Hugging Face Hub: set HF_TOKEN"),
    (["push", "FOLDER"], "The value of --repo is '', expected ORG/NAME."),
    (["push", "FOLDER", "--repo", "gan"], "The value of --repo is 'gan', expected ORG/NAME."),
    (["github", "FOLDER", "--repo", "me/gan", "--tag", "v1"], "There is no token for GitHub: set GITHUB_TOKEN"),
    (["github", ".", "--repo", "me/gan", "--tag", "v1"], "is no folder that `ganbench publish folder` has written"),
    (["plan", "none.pth"], "MODEL 'none.pth' does not exist"),
])
def test_what_is_missing_is_said_in_one_sentence(words, said, folder):
    done = publish(*(folder if word == "FOLDER" else word for word in words), code=2)
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_plan_without_a_token_asks_nobody(folder):
    assert "is not known" in " ".join(publish("plan", folder, "--repo", "me/gan").stdout.split())


def test_a_token_of_the_keyring_is_taken_where_there_is_one(monkeypatch):
    import sys
    from types import ModuleType

    from ganbench.tasks import settings

    ring = ModuleType("keyring")
    ring.get_password = lambda service, name: {"huggingface": "a", "github": "b"}[name] if service == "ganbench" else ""
    monkeypatch.setitem(sys.modules, "keyring", ring)
    monkeypatch.setattr(settings, "find_spec", lambda name: object())
    assert (settings.hub_token(), settings.github_token()) == ("a", "b")


def test_a_run_from_the_form_has_its_card_in_mlflow_and_sends_with_a_block_of_prefect(
    prefect_server, home, model, mlflow_runs, shown, repeated, monkeypatch
):
    from prefect.blocks.system import Secret

    from ganbench.flows.publish import publish as publishing

    found, _ = publishing(model, licence="mit", author=["Doe, Jane"])
    client, (run,) = mlflow_runs()
    assert {"README.md", NUMBERS, "samples.png"} <= {file.path for file in client.list_artifacts(run.info.run_id)}
    text, heading = shown("publication")
    assert heading == "tiny, to be published"
    assert "model.safetensors" in text
    before = {path.name: path.read_bytes() for path in Path(found.folder).iterdir()}
    shutil.rmtree(found.folder)
    repeated(run)
    assert {path.name: path.read_bytes() for path in Path(found.folder).iterdir()} == before
    Secret(value=TOKEN).save("hub")
    with stub("hub", monkeypatch) as hub:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.address)
        publishing(model, licence="mit", author=["Doe, Jane"], repo="me/gan", send=True, token_block="hub")
        assert CARD in hub.files
        state = publishing(model, licence="mit", repo="me/gan", send=True, token_block="none", return_state=True)
    assert state.message == "There is no Secret block 'none' in Prefect."
