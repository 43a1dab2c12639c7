"""A bundle as a release on GitHub, by its REST API: a draft until everything is there, SHA256SUMS the last asset.

https://docs.github.com/en/rest/releases.  What is there already, by the digest that GitHub gives of an asset, is not
sent again, so that a release that was cut goes on.  Assets lie in no folders: `unet/config.json` is sent as
`unet__config.json`, and SHA256SUMS lists the names of the assets.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from shutil import which
from typing import Any

import httpx

from ganbench.gan.hub.bundle import CARD, SUMS, parts_of
from ganbench.gan.types import BadInput
from ganbench.gan.usercode import first_line

API, VERSION = "https://api.github.com", "2022-11-28"
SIGNATURE = f"{SUMS}.sig"
SECONDS = httpx.Timeout(30, write=600, read=600)            # an asset may be large
PER_PAGE = 100
NAME, TAG = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII), re.compile(r"[\w./+-]+", re.ASCII)
Tick = Callable[[int], object]          # files just sent


@dataclass(frozen=True)
class Released:
    """Names of assets that were sent now, in their order, and that were there; `changed`: whether the page was."""

    address: str
    sent: tuple[str, ...]
    there: tuple[str, ...]
    changed: bool


@dataclass(frozen=True)
class Asset:
    """A file of a release: its name there, where its content lies, and sha256."""

    name: str
    path: Path
    digest: str


def release(
    folder: Path, repo: str, tag: str, token: str, endpoint: str = "", key: Path | None = None,
    tick: Tick = lambda n: None,
) -> Released:
    """`repo`: OWNER/NAME, which exists; `endpoint`: of the API, '' is github.com's; `key`: of SSH, signs SHA256SUMS.
    BadInput: GitHub refuses, or does not answer."""
    check_names(repo, tag)
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json",
               "X-GitHub-Api-Version": VERSION}
    with tempfile.TemporaryDirectory() as place, httpx.Client(
            headers=headers, timeout=SECONDS, follow_redirects=True) as client:
        assets = assets_of(folder, Path(place))
        asked = Asked(client, endpoint.rstrip("/") or API, repo, tag)
        try:
            return asked.released(folder, assets, key, tick)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput("not-published",
                           f"{repo} {tag} was not released as a whole: {first_line(error)}. The same command goes on "
                           "where it was.") from error


def check_names(repo: str, tag: str) -> None:
    if not NAME.fullmatch(repo):
        raise BadInput("malformed-name", f"The value of --repo is {repo!r}, expected OWNER/NAME.")
    if not TAG.fullmatch(tag) or ".." in tag:
        raise BadInput("malformed-name", f"The value of --tag is {tag!r}, expected a name such as v1.0.")


def assets_of(folder: Path, place: Path) -> list[Asset]:
    """The largest first and the sums last; files that only the Hub reads, whose names begin with a dot, are left out.
    """
    parts = [part for part in parts_of(folder) if not part.name.startswith(".") and part.name != SUMS]
    found = [Asset(part.name.replace("/", "__"), folder / part.name, part.sha256) for part in parts]
    text = "".join(f"{one.digest}  {one.name}\n" for one in found)
    (place / SUMS).write_text(text, "utf-8")
    found.sort(key=lambda one: (one.name == CARD, -one.path.stat().st_size))
    return [*found, Asset(SUMS, place / SUMS, sha256(text.encode()).hexdigest())]


@dataclass(frozen=True)
class Asked:
    """The requests of one release."""

    client: httpx.Client
    api: str
    repo: str
    tag: str

    def released(self, folder: Path, assets: Sequence[Asset], key: Path | None, tick: Tick) -> Released:
        page = self.find() or self.ask("POST", f"{self.api}/repos/{self.repo}/releases", json={
            "tag_name": self.tag, "name": self.tag, "draft": True, "body": "Files are being sent."})
        known = {one["name"]: one for one in self.pages(f"{self.api}/repos/{self.repo}/releases/{page['id']}/assets")}
        missing = [one for one in assets if not is_there(one, known.get(one.name))]
        if key and (SIGNATURE not in known or any(one.name == SUMS for one in missing)):
            missing = with_signature(missing, assets[-1], key)
        for one in missing:
            self.send(page, one, known.get(one.name))
            tick(1)
        body = body_of(folder, page, self.repo, self.tag)
        changed = page["draft"] or (page.get("body") or "").strip() != body.strip()
        if changed:
            page = self.ask("PATCH", f"{self.api}/repos/{self.repo}/releases/{page['id']}",
                            json={"name": title_of(body) or self.tag, "body": body, "draft": False})
        sent = tuple(one.name for one in missing)
        return Released(page["html_url"], sent, tuple(one.name for one in assets if one.name not in sent), changed)

    def find(self) -> Mapping[str, Any] | None:
        """The release of the tag, a draft too, which GitHub shows in its list alone."""
        found = self.pages(f"{self.api}/repos/{self.repo}/releases")
        return next((one for one in found if one["tag_name"] == self.tag), None)

    def pages(self, address: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for number in range(1, 101):
            rows = self.ask("GET", address, params={"per_page": PER_PAGE, "page": number})
            found += rows
            if len(rows) < PER_PAGE:
                break
        return found

    def send(self, page: Mapping[str, Any], asset: Asset, known: Mapping[str, Any] | None) -> None:
        """Of an asset that is there with other content, or was cut, first that is taken away."""
        if known:
            self.ask("DELETE", f"{self.api}/repos/{self.repo}/releases/assets/{known['id']}")
        address = page["upload_url"].partition("{")[0]
        with asset.path.open("rb") as file:
            self.ask("POST", address, params={"name": asset.name}, content=file, headers={
                "Content-Type": "application/octet-stream", "Content-Length": str(asset.path.stat().st_size)})

    def ask(self, method: str, address: str, **more: Any) -> Any:
        answer = self.client.request(method, address, **more)
        if answer.is_error:
            raise BadInput("not-published",
                           f"GitHub answers {method} of {self.repo} {self.tag} with {answer.status_code}"
                           f"{reason(answer)}. The same command goes on where it was.")
        return answer.json() if answer.content else None


def reason(answer: httpx.Response) -> str:
    """What GitHub says, if it says something."""
    try:
        said = answer.json()
    except ValueError:
        return ""
    text = " ".join(str(said.get("message", "")).split()).rstrip(".") if isinstance(said, dict) else ""
    return f" ({text[:200]})" if text else ""


def is_there(asset: Asset, known: Mapping[str, Any] | None) -> bool:
    """Whether GitHub has this very content: it says the digest of what was uploaded as a whole."""
    return bool(known and known.get("state") == "uploaded" and known.get("digest") == f"sha256:{asset.digest}")


def with_signature(missing: Sequence[Asset], sums: Asset, key: Path) -> list[Asset]:
    """The same with the signature before the sums."""
    signed = sign(sums.path, key)
    asset = Asset(SIGNATURE, signed, sha256(signed.read_bytes()).hexdigest())
    return [*(one for one in missing if one.name != SUMS), asset, *(one for one in missing if one.name == SUMS)]


def sign(path: Path, key: Path) -> Path:
    """PATH.sig, by `ssh-keygen -Y sign`; who has the public key checks it with `ssh-keygen -Y verify`."""
    if which("ssh-keygen") is None:
        raise BadInput("missing-package", "A signature needs ssh-keygen, which is not installed.")
    done = subprocess.run(["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", "file", str(path)],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BadInput("unreadable-file", f"The key {key} does not sign: {said}.")
    return path.with_name(SIGNATURE)


def body_of(folder: Path, page: Mapping[str, Any], repo: str, tag: str) -> str:
    """The card as the page of a release: without its metadata, and with links to the assets."""
    text = (folder / CARD).read_text("utf-8") if (folder / CARD).is_file() else tag
    text = re.sub(r"\A---\n.*?\n---\n+", "", text, flags=re.DOTALL)
    site = str(page["html_url"]).partition(f"/{repo}/releases")[0]
    place = f"{site}/{repo}/releases/download/{tag}"
    return re.sub(r"\]\((?!\w+:|#|/)([^)\s]+)\)", lambda found: f"]({place}/{found[1].replace('/', '__')})", text)


def title_of(body: str) -> str:
    first = body.lstrip().partition("\n")[0]
    return first.removeprefix("# ").strip() if first.startswith("# ") else ""
