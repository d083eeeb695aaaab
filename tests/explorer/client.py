"""Ask an application without a socket, as a program that waits for each answer."""

from typing import Any

import anyio
import httpx


class Client:
    """Answers of an ASGI application."""

    def __init__(self, app: Any, *, raises: bool = True) -> None:
        self._transport = httpx.ASGITransport(app=app, raise_app_exceptions=raises)

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send one request and wait for the answer."""

        async def send() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self._transport, base_url="http://localhost:8000"
            ) as client:
                return await client.request(method, url, **options)

        return anyio.run(send)

    def get(self, url: str, **options: Any) -> httpx.Response:
        """Ask for a page."""
        return self.request("GET", url, **options)
