"""What the wrappers of an ASGI application have in common."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

SEEN_BYTES = 65_536


class Peek:
    """A request's body that is passed on as it comes, its beginning kept in `body`."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.body = bytearray()

    async def __call__(self) -> Message:
        """Give the next message."""
        message = await self._receive()
        if message["type"] == "http.request" and len(self.body) < SEEN_BYTES:
            self.body.extend(message.get("body", b"")[: SEEN_BYTES - len(self.body)])
        return message


class Replay:
    """A request's body that was read already."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        """Give the whole body, then what the server says after it."""
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


async def whole_body(receive: Receive) -> bytes:
    """Read a body to its end."""
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return b"".join(chunks)


async def answer(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    """Send a whole answer."""
    lines = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    lines.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body, "more_body": False})
