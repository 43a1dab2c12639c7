"""As much of the Hub's HTTP interface as a push needs, on loopback: repositories in memory, large files by LFS.

`fail_at`: the number of the request from which on nothing is answered but 500; None: never.
"""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

LFS = (".safetensors", ".png")


@dataclass
class Hub:
    files: dict[str, bytes] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)     # of LFS, by sha256
    commits: list[list[str]] = field(default_factory=list)
    exists: bool = False
    requests: int = 0
    fail_at: int | None = None
    received: int = 0                                           # bytes of content
    address: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def row(self, name: str) -> dict:
        content = self.files[name]
        found = {"type": "file", "path": name, "size": len(content),
                 "oid": sha1(f"blob {len(content)}\0".encode() + content).hexdigest()}
        if name.endswith(LFS):
            found["lfs"] = {"oid": sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        return found


def serving(hub: Hub) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *given):
            pass

        def answer(self, value, code=200):
            content = json.dumps(value).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def body(self):
            if self.headers.get("Transfer-Encoding") == "chunked":
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def handled(self, method):
            given = self.body()
            with hub.lock:
                hub.requests += 1
                if hub.fail_at is not None and hub.requests >= hub.fail_at:
                    return self.answer({"error": "cut"}, 400)
                return getattr(self, method)(urlsplit(self.path).path, given)

        def do_GET(self):
            self.handled("get")

        def do_POST(self):
            self.handled("post")

        def do_PUT(self):
            self.handled("put")

        def get(self, path, given):
            if "/tree/" in path:
                return self.answer([hub.row(name) for name in sorted(hub.files)])
            return self.answer({"id": "me/gan", "siblings": [{"rfilename": name} for name in hub.files]})

        def put(self, path, given):
            hub.received += len(given)
            hub.objects[path.rpartition("/")[2]] = given
            return self.answer({})

        def post(self, path, given):
            if path.endswith("/repos/create"):
                code, hub.exists = (409 if hub.exists else 200), True
                return self.answer({"url": f"{hub.address}/me/gan", "error": "exists"}, code)
            if path.endswith("/validate-yaml"):
                return self.answer({"errors": [], "warnings": []})
            if "/preupload/" in path:
                asked = json.loads(given)["files"]
                return self.answer({"files": [
                    {"path": one["path"], "uploadMode": "lfs" if one["path"].endswith(LFS) else "regular",
                     "shouldIgnore": False} for one in asked]})
            if path.endswith("/info/lfs/objects/batch"):
                objects = json.loads(given)["objects"]
                return self.answer({"transfer": "basic", "objects": [{**one, **({} if one["oid"] in hub.objects else {
                    "actions": {"upload": {"href": f"{hub.address}/store/{one['oid']}"}}})} for one in objects]})
            if "/commit/" in path:
                return self.commit(given)
            return self.answer({"error": f"unknown {path}"}, 404)

        def commit(self, given):
            names = []
            for line in map(json.loads, given.decode().splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    content = base64.b64decode(value["content"])
                    hub.received += len(content)
                elif line["key"] == "lfsFile":
                    content = hub.objects[value["oid"]]
                else:
                    continue
                hub.files[value["path"]] = content
                names.append(value["path"])
            hub.commits.append(names)
            return self.answer({"commitUrl": f"{hub.address}/me/gan/commit/{len(hub.commits):040x}",
                                "commitOid": f"{len(hub.commits):040x}", "success": True})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server
