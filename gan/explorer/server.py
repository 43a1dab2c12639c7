"""The local engine: a server on loopback that computes the images of explored models, and nothing else."""

from __future__ import annotations

import asyncio
import json
import struct
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, Response

from ganbench.gan.animations import write_animation
from ganbench.gan.explorer.page import Named, served
from ganbench.gan.explorer.photo import state_from
from ganbench.gan.explorer.state import State, state_of
from ganbench.gan.types import BadInput

HOSTS = {"127.0.0.1", "localhost", "::1"}
FILMS = {"webp": "image/webp", "mp4": "video/mp4", "gif": "image/gif"}
MOST_FRAMES, MOST_BYTES = 10_000, 200_000_000


class Activity:
    """When somebody last asked for a picture: work in the background waits for a pause."""

    def __init__(self) -> None:
        self.last = 0.0

    def note(self) -> None:
        self.last = time.monotonic()

    def wait(self, pause: float = 0.4) -> None:
        """Return once nobody has asked for `pause` seconds."""
        while (rest := self.last + pause - time.monotonic()) > 0:
            time.sleep(rest)


@dataclass(frozen=True)
class Beside:
    """What a page asks for beside pictures."""

    map: Callable[[], Mapping[str, Any]]    # empty while it is being made, {"none": True} where there is none
    around: Callable[[State], Mapping[str, Any]]        # real images near a state's image, and its realism
    save: Callable[[Named, State], str]     # keeps the picture of a state, and says where


def app_of(models: Sequence[Named], version: str, beside: Beside, activity: Activity) -> FastAPI:
    app = FastAPI(openapi_url=None)
    page = served(models, version)

    @app.middleware("http")
    async def only_from_here(request: Request, call_next: Callable[[Request], Any]) -> Response:
        """Other pages in the same browser must not reach this server by another name."""
        if not is_local(request.headers):
            return Response("This server answers its own page only.", 403)
        answer: Response = await call_next(request)
        return answer

    @app.get("/")
    def whole() -> HTMLResponse:
        return HTMLResponse(page, headers={"Cache-Control": "no-store"})

    @app.get("/map")
    def drawn_map() -> JSONResponse:
        return JSONResponse(dict(beside.map()))

    @app.get("/around")
    async def around(state: str) -> Response:
        return await run_in_threadpool(answered, lambda: JSONResponse(dict(beside.around(state_of(state)))))

    @app.post("/film")
    async def film(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(answered, lambda: film_of(models[0], body, activity))

    @app.post("/invert")
    async def found(request: Request) -> Response:
        data, text = await request.body(), request.query_params.get("state", "")
        return await run_in_threadpool(answered, lambda: inverted(models[0], data, text))

    @app.post("/save")
    async def save(request: Request) -> Response:
        text = (await request.body()).decode("utf-8", "replace")
        kept = lambda: JSONResponse({"where": beside.save(models[0], state_of(text))})  # noqa: E731
        return await run_in_threadpool(answered, kept)

    @app.websocket("/socket")
    async def socket(connection: WebSocket) -> None:
        if not is_local(connection.headers):
            await connection.close(1008)
            return
        await connection.accept()
        try:
            while True:
                text = await connection.receive_text()
                activity.note()
                found = await run_in_threadpool(reply, models, text)
                await (connection.send_bytes(found) if isinstance(found, bytes) else connection.send_text(found))
        except (WebSocketDisconnect, RuntimeError, asyncio.CancelledError):     # the page was closed
            return

    return app


def is_local(headers: Mapping[str, str]) -> bool:
    """Whether the address that was asked for, and the page that asks, are of loopback, and the same."""
    host, origin = headers.get("host", ""), headers.get("origin")
    return urlsplit(f"//{host}").hostname in HOSTS and (origin is None or urlsplit(origin).netloc == host)


def reply(models: Sequence[Named], text: str) -> bytes | str:
    """A picture: four uint32 (its number, channels, height, width), then the pixels; or JSON with numbers or an error.
    """
    number = 0
    try:
        asked = json.loads(text)
        number = int(asked["id"]) % 2**32
        explored = models[int(asked.get("model", 0))].explored
        if "latent" in asked:
            point = explored.point(state_of(asked["latent"]))
            return json.dumps({"id": number, "latent": point.latent.flatten().tolist()})
        image = explored.image(state_of(asked["state"]))
        return struct.pack("<4I", number, *image.shape) + np.ascontiguousarray(image).tobytes()
    except Exception as error:      # a model of the user's raises what it likes, and other pictures are still asked for
        return json.dumps({"id": number, "error": sentence(error)})


def sentence(error: Exception) -> str:
    known = isinstance(error, BadInput)
    text = " ".join(str(error).split())
    return text if known else f"{type(error).__name__}: {text}" if text else type(error).__name__


def answered(work: Callable[[], Response]) -> Response:
    try:
        return work()
    except Exception as error:      # as above
        return JSONResponse({"error": sentence(error)}, 422)


def inverted(named: Named, data: bytes, text: str) -> Response:
    """The state whose image is nearest to a picture."""
    state, decibels = state_from(named.explored, data, state_of(text))
    return JSONResponse({"state": state.text, "decibels": round(decibels, 2)})


def film_of(named: Named, body: bytes, activity: Activity) -> Response:
    """A film through states: {"kind": "webp", "fps": 25, "states": [...]}."""
    try:
        asked = json.loads(body)
        kind, fps, states = asked["kind"], float(asked["fps"]), [state_of(text) for text in asked["states"]]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput("malformed-state", "A film is asked for with kind, fps and states.") from error
    if kind not in FILMS or not 2 <= len(states) <= MOST_FRAMES:
        raise BadInput("unfit-value", f"A film has 2 to {MOST_FRAMES:,} frames and is one of {', '.join(FILMS)}, got "
                                      f"{len(states):,} and {kind!r}.")
    frames = []
    for state in states:
        activity.note()
        frames.append(named.explored.image(state))
        if len(frames) * frames[0].nbytes > MOST_BYTES:
            raise BadInput("too-large",
                           f"The film has more than {MOST_BYTES / 1e6:.0f} MB of pixels: take fewer frames.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"film.{kind}"
        write_animation(path, np.stack(frames), fps)
        return Response(path.read_bytes(), media_type=FILMS[kind])
