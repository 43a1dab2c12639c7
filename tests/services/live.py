"""What tests of running servers share."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SECONDS = 300
SIZES = {"desktop": (1_280, 900), "phone": (390, 844)}         # of pages


def wait_until(done: Callable[[], Any], seconds: float = SECONDS) -> Any:
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, f"nothing within {seconds} seconds"
        time.sleep(0.5)
    return found


def descendants(pid: int) -> list[int]:
    """All processes below one, read from /proc."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = [pid]
    for above in found:
        found += [child for child, parent in parents.items() if parent == above]
    return found[1:]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ask(url: str, body: Any = None, method: str | None = None) -> Any:
    """The answer, None if it is empty; asked again while Prefect says 503, as its own client does: its database was
    busy."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    for pause in (1, 2, 4, 8, 16, None):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            if error.code != 503 or pause is None:
                raise
            time.sleep(pause)
    raise AssertionError


def post(url: str, body: dict[str, Any], method: str = "POST") -> Any:
    return ask(url, body, method)


def deployments(servers: dict[str, str]) -> dict[str, Any]:
    """By name of flow and deployment."""
    return {full_name(row): row for row in post(f"{servers['prefect']}/api/deployments/filter", {})}


def full_name(row: dict[str, Any]) -> str:
    """`evaluate/evaluate-every-night`: the flow is the last word of the entrypoint."""
    return f"{row['entrypoint'].replace(':', '.').rpartition('.')[2]}/{row['name']}"


def far_from_night(api: str) -> None:
    """It is six in the morning where the schedules of all deployments are read: no night of the clock's begins during
    the tests, whenever they run, and takes the one place of the work pool for minutes."""
    ahead = 6 - datetime.now(UTC).hour
    ahead += 24 * (ahead < -12)
    for row in post(f"{api}/deployments/filter", {}):
        for known in row["schedules"]:
            there = {**known["schedule"], "timezone": f"Etc/GMT{-ahead:+d}"}        # their signs are POSIX's
            post(f"{api}/deployments/{row['id']}/schedules/{known['id']}", {"schedule": there}, "PATCH")


LISTENS, LOOPBACK = "0A", ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")


def heard_beyond_loopback(pids: Iterable[int]) -> set[str]:
    """Addresses on which these processes listen, and that are not of loopback: `00000000:1092`, as /proc has them."""
    inodes = set()
    for pid in pids:
        with suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    inodes.add(os.readlink(link).removeprefix("socket:[").removesuffix("]"))
    rows = [line.split() for name in ("tcp", "tcp6") for line in
            Path(f"/proc/net/{name}").read_text(encoding="utf-8").splitlines()[1:]]
    return {row[1] for row in rows
            if row[3] == LISTENS and row[9] in inodes and row[1].partition(":")[0] not in LOOPBACK}
