"""A push to a stub of the Hub: what arrives is what was sent, the card comes last, a cut push goes on."""

import pytest

from ganbench.gan.hub.bundle import CARD
from ganbench.gan.hub.push import push
from tests.gan.hub.hub_stub import Hub, serving
from tests.refusals import refused

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")         # of the Hub's library

FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 40, "samples.png": b"\x89PNG" * 50,
         "evaluation.json": b'{"scores": []}', "figures/a.txt": b"a", CARD: b"---\nlicense: mit\n---\n# A model\n"}


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        path = tmp_path / "bundle" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "bundle"


@pytest.fixture
def hub(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    found = Hub()
    server = serving(found)
    yield found
    server.shutdown()
    server.server_close()


def send(folder, hub):
    return push(folder, "me/gan", "hf_token", hub.address)


def test_what_arrives_is_what_was_sent_and_the_card_comes_alone_and_last(folder, hub):
    made = send(folder, hub)
    assert hub.files == FILES
    assert hub.commits[-1] == [CARD]
    assert all(CARD not in names for names in hub.commits[:-1])
    assert set(made.sent) == set(FILES)


def test_a_second_push_sends_nothing_and_a_changed_file_alone_is_sent_again(folder, hub):
    send(folder, hub)
    commits, received = len(hub.commits), hub.received
    assert send(folder, hub).sent == ()
    assert (len(hub.commits), hub.received) == (commits, received)
    (folder / "evaluation.json").write_bytes(b'{"scores": [1]}')
    assert send(folder, hub).sent == ("evaluation.json",)
    assert hub.commits[-1] == ["evaluation.json"]


def test_a_push_that_is_cut_at_any_request_never_leaves_a_card_without_weights_and_goes_on(folder, hub):
    send(folder, hub)
    for cut in range(1, hub.requests + 1):
        again = Hub(fail_at=cut)
        server = serving(again)
        with refused("not-published", "me/gan", "goes on"):
            send(folder, again)
        assert CARD not in again.files or "model.safetensors" in again.files
        again.fail_at, kept = None, set(again.files)
        assert set(send(folder, again).sent) == FILES.keys() - kept
        assert again.files == FILES
        assert send(folder, again).sent == ()
        server.shutdown()
        server.server_close()
