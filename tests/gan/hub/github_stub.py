"""As much of GitHub's REST interface as a release needs, on loopback: releases and assets in memory.

`fail_at`: the number of the request from which on nothing is answered but 502; None: never.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from zlib import crc32

REPO = "/repos/me/gan/releases"


@dataclass
class GitHub:
    page: dict | None = None                                    # of the one release
    assets: dict[str, bytes] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)              # of what was done
    requests: int = 0
    fail_at: int | None = None
    half: str = ""                                              # an asset whose upload was cut
    tokens: set[str] = field(default_factory=set)
    address: str = ""

    def rows(self) -> list[dict]:
        return [{"id": crc32(name.encode()), "name": name, "state": "starter" if name == self.half else "uploaded",
                 "digest": None if name == self.half else f"sha256:{sha256(content).hexdigest()}"}
                for name, content in self.assets.items()]


def serving(hub: GitHub) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *given):
            pass

        def answer(self, value, code=200):
            content = b"" if value is None else json.dumps(value).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def handled(self, method):
            given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            hub.requests += 1
            hub.tokens.add(self.headers.get("Authorization", ""))
            if hub.fail_at is not None and hub.requests >= hub.fail_at:
                return self.answer({"message": "Bad gateway"}, 502)
            place = urlsplit(self.path)
            return getattr(self, method)(place.path, parse_qs(place.query), given)

        def do_GET(self):
            self.handled("get")

        def do_POST(self):
            self.handled("post")

        def do_PATCH(self):
            self.handled("patch")

        def do_DELETE(self):
            self.handled("delete")

        def get(self, path, query, given):
            rows = hub.rows() if path.endswith("/assets") else [hub.page] if hub.page else []
            first = (int(query["page"][0]) - 1) * int(query["per_page"][0])
            self.answer(rows[first : first + int(query["per_page"][0])])

        def post(self, path, query, given):
            if path == REPO:
                asked = json.loads(given)
                hub.page = {**asked, "id": 7, "html_url": f"{hub.address}/me/gan/releases/tag/{asked['tag_name']}",
                            "upload_url": f"{hub.address}/upload/7/assets{{?name,label}}"}
                hub.order.append("draft" if asked["draft"] else "page")
                return self.answer(hub.page, 201)
            (name,) = query["name"]
            if name in hub.assets:
                return self.answer({"message": "Validation Failed"}, 422)
            hub.assets[name] = given
            hub.order.append(name)
            return self.answer({"name": name}, 201)

        def patch(self, path, query, given):
            hub.page.update(json.loads(given))
            hub.order.append("page")
            self.answer(hub.page)

        def delete(self, path, query, given):
            name = next(row["name"] for row in hub.rows() if row["id"] == int(path.rpartition("/")[2]))
            del hub.assets[name]
            hub.half = "" if name == hub.half else hub.half
            self.answer(None, 204)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server
