"""Denials that name the resource: AWS says it, MiniStack leaves it out for S3 and others."""

import re

from include.local_aws.base.asgi import Application, Message, Peek, Receive, Send
from include.local_aws.base.observing import describe

DENIED = re.compile(rb"(is not authorized to perform: [\w-]+:\w+)( because| with)")


class NamedRefusals:
    """An ASGI application over MiniStack's."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request; a denial is sent when its resource was put into it."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        asked = Peek(receive)
        held: list[Message] = []

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 403:
                held.append(message)
            elif held and message["type"] == "http.response.body":
                held.append(message)
                if not message.get("more_body"):
                    for one in _complete(held, scope, bytes(asked.body)):
                        await send(one)
                    held.clear()
            else:
                await send(message)

        await self._application(scope, asked, named)


def _complete(held: list[Message], scope: Message, asked: bytes) -> list[Message]:
    """Give a whole answer with the resource in its message."""
    start, body = held[0], b"".join(message.get("body", b"") for message in held[1:])
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
    if DENIED.search(body):
        call = describe(scope, headers, asked)
        quote = '"' if call.service == "s3" else ""
        resource = f" on resource: {quote}{call.resource}{quote}".encode()
        body = DENIED.sub(lambda match: match[1] + resource + match[2], body)
        kept = [line for line in start["headers"] if line[0].lower() != b"content-length"]
        length = (b"content-length", str(len(body)).encode())
        start = {**start, "headers": [*kept, length]}
    return [start, {"type": "http.response.body", "body": body, "more_body": False}]
