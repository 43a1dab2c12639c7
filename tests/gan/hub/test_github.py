"""A release on a stub of GitHub: what arrives is what was sent, the page comes last, a cut release goes on."""

import hashlib
import shutil
import subprocess
from contextlib import contextmanager

import pytest

from ganbench.gan.hub.bundle import CARD, SUMS, sums
from ganbench.gan.hub.github import SIGNATURE, release
from tests.gan.hub.github_stub import GitHub, serving
from tests.refusals import refused

TEXT = b"---\nlicense: mit\n---\n\n# A model\n\n![it](samples.png) [cfg](unet/config.json) [x](https://x.org/a.png)\n"
FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 40, "samples.png": b"\x89PNG" * 50,
         "unet/config.json": b'{"a": 1}', ".eval_results/b.yaml": b"[]", CARD: TEXT}
SENT = {name.replace("/", "__"): content for name, content in FILES.items() if not name.startswith(".")}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "bundle"
    for name, content in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    (place / SUMS).write_text(sums(place))
    return place


@contextmanager
def stub(**given):
    found = GitHub(**given)
    server = serving(found)
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def send(folder, hub, **more):
    return release(folder, "me/gan", "v1.0", "ghp_token", hub.address, **more)


def test_what_arrives_is_what_was_sent_and_the_page_appears_when_all_is_there(folder):
    with stub() as hub:
        made = send(folder, hub)
        listed = hub.assets[SUMS].decode().splitlines()
        assert {name: content for name, content in hub.assets.items() if name != SUMS} == SENT
        assert set(listed) == {f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in SENT.items()}
        assert (hub.order[0], hub.order[-2:]) == ("draft", [SUMS, "page"])
        assert not hub.page["draft"]
        assert (hub.page["name"], set(made.sent)) == ("A model", {*SENT, SUMS})
        assert f"![it]({hub.address}/me/gan/releases/download/v1.0/samples.png)" in hub.page["body"]
        assert "v1.0/unet__config.json" in hub.page["body"]
        assert "(https://x.org/a.png)" in hub.page["body"]
        assert "license: mit" not in hub.page["body"]
        assert hub.tokens == {"Bearer ghp_token"}


def test_a_second_release_sends_nothing_and_a_changed_file_is_sent_with_its_sums(folder):
    with stub() as hub:
        send(folder, hub)
        done = list(hub.order)
        again = send(folder, hub)
        assert (again.sent, again.changed, hub.order) == ((), False, done)
        (folder / "config.json").write_bytes(b'{"b": 2}')
        assert send(folder, hub).sent == ("config.json", SUMS)
        assert hub.assets["config.json"] == b'{"b": 2}'


def test_a_release_that_is_cut_at_any_request_is_a_draft_and_goes_on(folder):
    with stub() as whole:
        send(folder, whole)
    for cut in range(1, whole.requests + 1):
        with stub(fail_at=cut) as hub:
            with refused("not-published", "502", "goes on"):
                send(folder, hub)
            assert hub.page is None or hub.page["draft"]
            assert SUMS not in hub.assets or SENT.keys() <= hub.assets.keys()
            hub.fail_at, there = None, set(hub.assets)
            assert set(send(folder, hub).sent) == {*SENT, SUMS} - there
            assert not hub.page["draft"]
            assert hub.assets == whole.assets
            assert send(folder, hub).sent == ()


def test_an_asset_of_which_half_was_sent_is_sent_again(folder):
    with stub() as hub:
        send(folder, hub)
        hub.assets["samples.png"], hub.half = b"\x89PN", "samples.png"
        assert send(folder, hub).sent == ("samples.png",)
        assert hub.assets["samples.png"] == FILES["samples.png"]


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed")
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_signature_is_verified_by_ssh_keygen_and_is_not_sent_twice(folder, tmp_path, kind):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(key)], check=True)
    with stub() as hub:
        assert send(folder, hub, key=key).sent[-2:] == (SIGNATURE, SUMS)
        assert send(folder, hub, key=key).sent == ()
        (tmp_path / "sig").write_bytes(hub.assets[SIGNATURE])
        (tmp_path / "allowed").write_text(f"me@example.org {(tmp_path / 'key.pub').read_text()}")
        verify = ["ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "allowed"), "-I", "me@example.org", "-n", "file",
                  "-s", str(tmp_path / "sig")]
        assert subprocess.run(verify, input=hub.assets[SUMS], capture_output=True).returncode == 0
        assert subprocess.run(verify, input=hub.assets[SUMS] + b"x", capture_output=True).returncode != 0


def test_names_that_github_has_not_are_refused_and_so_is_a_key_that_is_none(folder, tmp_path):
    with refused("malformed-name", "--repo", "OWNER/NAME"):
        release(folder, "gan", "v1", "t", "http://127.0.0.1:1")
    with refused("malformed-name", "--tag"):
        release(folder, "me/gan", "v 1", "t", "http://127.0.0.1:1")
    with refused("not-published", "me/gan v1"):
        release(folder, "me/gan", "v1", "t", "http://127.0.0.1:1")
    (tmp_path / "none").write_text("no key")
    with stub() as hub, refused("unreadable-file", "none"):
        send(folder, hub, key=tmp_path / "none")
