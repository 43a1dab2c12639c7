"""What is planted is found and named; what is harmless is left alone."""

import io
import pickle
import secrets

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from ganbench.gan.hub.checking import SHOWN, obstacles

PLANTED = {
    "hugging face": "hf_" + secrets.token_hex(17), "github": "ghp_" + secrets.token_hex(18),
    "fine-grained": "github_pat_" + secrets.token_hex(30), "amazon": "AKIA" + "Q7" * 8,
    "google": "AIza" + secrets.token_hex(18)[:35], "anthropic": "sk-ant-" + secrets.token_hex(24),
    "wandb": f"WANDB_API_KEY={secrets.token_hex(20)}", "slack": "xoxb-" + secrets.token_hex(16),
    "key": "-----BEGIN RSA PRIVATE KEY-----", "address": "postgresql://me:hunter2222@host/db",
    "password": "password = 'correct-horse'",
}
PATHS = ["/home/ana/gan.pt", "/Users/ana/gan.pt", "C:\\Users\\ana\\gan.pt", "/mnt/disk1/x", "/root/runs", "file:///etc/x",
         '"C:\\\\Users\\\\ana"', "\\\\\\\\server\\share"]
HARMLESS = [
    "https://huggingface.co/docs/hub/models", "[card](docs/card.md)", "arXiv:1706.08500, 4/5 of /dev", "a/home/b",
    "sha256: " + "0123456789abcdef" * 4, "https://example.org/home/people", "token of the Hub: from HF_TOKEN",
    "password: from the keyring", "ratio 3:4\\n", "tasks/home/x.py", "hf_hub_download", "kid 0.0126 +- 0.0005",
]


def found(tmp_path, content, name="notes.md", **options):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [str(one) for one in obstacles({name: path}, "mit", **options)]


@pytest.mark.parametrize("what", PLANTED)
@pytest.mark.parametrize("name", ["notes.md", "config.json", "page.html", "demo.ipynb", "id_rsa", ".env", "run.sh"])
def test_a_planted_secret_is_named_by_file_and_line_and_not_repeated(what, name, tmp_path):
    (said,) = found(tmp_path, f"one\ntwo {PLANTED[what]} three\n", name)
    assert said.startswith(f"{name} holds a")
    assert "line 2" in said
    assert len(PLANTED[what]) <= 32 or PLANTED[what][SHOWN + 4:] not in said


@pytest.mark.parametrize("path", PATHS)
def test_a_path_of_a_machine_is_named(path, tmp_path):
    (said,) = found(tmp_path, f"\n\nweights: {path}\n")
    assert "path of a machine in line 3" in said


@pytest.mark.parametrize("text", HARMLESS)
def test_what_looks_like_it_and_is_harmless_is_left_alone(text, tmp_path):
    assert found(tmp_path, text) == []


@pytest.mark.parametrize("name", ["model.pt", "weights.safetensors.txt", "no_suffix"])
def test_pickles_are_refused_by_name_or_content(name, tmp_path):
    buffer = io.BytesIO()
    torch.save({"w": torch.zeros(2)}, buffer)
    assert "is a pickle" in found(tmp_path, buffer.getvalue(), name)[0]
    assert "is a pickle" in found(tmp_path, pickle.dumps([1]), name)[0]


def test_safetensors_and_archives_of_arrays_are_none(tmp_path):
    assert found(tmp_path, save({"w": np.zeros(2)}), "model.safetensors") == []
    np.savez(tmp_path / "latents.npz", a=np.zeros(2))
    assert obstacles({"latents.npz": tmp_path / "latents.npz"}, "mit") == []


def test_too_large_files_and_a_missing_licence_are_named(tmp_path):
    path = tmp_path / "big.png"
    with path.open("wb") as file:
        file.truncate(2_147_483_648)
    assert [str(one) for one in obstacles({"big.png": path}, "", "github")] == [
        "README.md names no licence of the weights: give --licence, such as mit.",
        "big.png has 2,147,483,648 bytes, expected at most 2,147,483,647."]
    assert obstacles({"big.png": path}, "mit", "hub") == []


def test_pictures_in_a_page_hold_no_secrets_whatever_their_letters_are_and_long_tokens_do(tmp_path):
    noise = "AKIA" + "Q7" * 8 + "hf_" * 100 + "/" * 400
    assert found(tmp_path, f'<img src="data:image/png;base64,{noise.replace("_", "/")}">', "page.html") == []
    token = f"eyJ{'a' * 300}.eyJ{'b' * 600}.{'c' * 40}"
    (said,) = found(tmp_path, f"one {token} two", "page.html")
    assert "a JSON web token" in said
