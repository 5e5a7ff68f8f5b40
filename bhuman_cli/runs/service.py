"""Adapter from the API client to what a run needs: route, credentials, agent. Decides nothing."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bhuman_cli import ids
from bhuman_cli.api import paid_post
from bhuman_cli.api.client import Client
from bhuman_cli.api.paid_post import PaidRequest
from bhuman_cli.api.post_result import NotSent, PostResponse
from bhuman_cli.api.wire import Page
from bhuman_cli.clock import ServiceTime
from bhuman_cli.config import credentials
from bhuman_cli.domain import Generation, Target


@dataclass(slots=True, kw_only=True)
class ApiService:
    """One target of the service. authorization: the header of the paid request; never shown."""

    client: Client
    target: Target
    user_agent: str
    authorization: str = field(repr=False)

    @property
    def polls(self) -> int:
        """Return the GETs sent so far."""
        return self.client.polls

    @property
    def service_time(self) -> ServiceTime | None:
        """Return the service's clock by its newest answer, None if none told."""
        return self.client.service_time

    def post(self, route: str, body: bytes, before_first_byte: Callable[[], None]) -> NotSent | PostResponse:
        """Send the paid request once, on a connection that was never used before."""
        request = PaidRequest(
            url=self.client.base_url + route, body=body, headers={"Authorization": self.authorization}
        )
        response = paid_post.post_once(request, before_first_byte, self.user_agent)
        return response if isinstance(response, NotSent) else self._without_secrets(response)

    def _without_secrets(self, response: PostResponse) -> PostResponse:
        """A service may repeat the key it was sent: not into the journal, nor its id among those of videos."""
        secrets = [*self.client.secrets, *self._key_id()]
        headers = {name: credentials.mask(value, secrets) for name, value in response.headers.items()}
        return replace(response, headers=headers, body=credentials.mask_bytes(response.body, secrets))

    def _key_id(self) -> list[str]:
        kind, _, pair = self.authorization.partition(" ")
        try:
            key_id = base64.b64decode(pair).decode().partition(":")[0] if kind == "Basic" else ""
        except ValueError:
            return []
        return [key_id, key_id.upper(), key_id.replace("-", "")] if ids.is_uuid(key_id) else []

    def generation(self, generation_id: str) -> Generation | None:
        """Return one record; None if the service knows none."""
        return self.client.generation(generation_id)

    def page(self, page: int) -> Page:
        """Return one page of the target's list; a list that was refused once is not asked for again."""
        return self.client.generations_page(self.target, page)
