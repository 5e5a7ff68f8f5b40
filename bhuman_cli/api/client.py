"""Endpoints of the service: a method each, credentials per route, GETs retried. Never the paid POST (`paid_post`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bhuman_cli import ids
from bhuman_cli.api import paging, transport, wire
from bhuman_cli.api.limiter import Limiter
from bhuman_cli.api.requester import BASIC, BEARER, EITHER, LISTS, OPEN, PREFIX, Call, Requester
from bhuman_cli.api.transport import Response
from bhuman_cli.clock import ServiceTime
from bhuman_cli.config.credentials import Credentials
from bhuman_cli.domain import Generation, Target, TargetKind
from bhuman_cli.errors import ApiError
from bhuman_cli.net import hosts

_ONE: Final = (("page", "0"), ("size", "1"))
# GETs without an effect that may tell whether credentials are good: route, query, and whether a bare 401 there is meant
# for the credentials. The newest document promises a key nothing but the two paid routes, so that none of these need
# open to a good one. Source: API contract, section 5.
HARMLESS: Final[Mapping[str, Sequence[tuple[str, tuple[tuple[str, str], ...], bool]]]] = {
    BASIC: (
        ("speakeasy_projects", (), False),
        ("webhook", (), False),
        ("video_instances", _ONE, False),
        ("campaigns", _ONE, False),
    ),
    BEARER: (("campaigns", _ONE, True), ("video_instances", _ONE, True), ("webhook", (), False)),
}


# How a service may write its ids: as everybody does, without hyphens, in capitals.
_SPELLINGS: Final[Sequence[Callable[[str], str]]] = (ids.normal, lambda text: text.replace("-", ""), str.upper)


class Client:
    """The service, as seen with one set of credentials; safe to share among threads."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials | None,
        *,
        limiter: Limiter,
        user_agent: str,
        on_notice: Callable[[str], None] = lambda _: None,
        patience_s: float = math.inf,
    ) -> None:
        self._caller = Requester(
            base_url,
            credentials,
            limiter=limiter,
            user_agent=user_agent,
            on_notice=on_notice,
            patience_s=patience_s,
        )
        self._allow_file = hosts.is_loopback_url(base_url)
        self._spellings = _SPELLINGS
        self._closed_lists: dict[str, ApiError] = {}

    @property
    def base_url(self) -> str:
        """Return the service's address."""
        return self._caller.base_url

    @property
    def polls(self) -> int:
        """Return how many GETs were sent so far, each attempt counted."""
        return self._caller.polls

    @property
    def service_time(self) -> ServiceTime | None:
        """Return the service's clock by its newest answer, None if none told."""
        return self._caller.service_time

    @property
    def secrets(self) -> list[str]:
        """Return what must not be stored or shown of an answer that repeats it."""
        return self._caller.secrets

    def __enter__(self) -> Client:
        """Return the client; its connections are closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._caller.close()

    def stop(self) -> None:
        """End every wait, so that nothing holds a program that was told to stop. Safe in a signal handler.

        A request that would have to wait, for its turn or after a 429, raises ServiceDown instead.
        """
        self._caller.stop()

    # Generations.

    def generation(self, generation_id: str) -> Generation | None:
        """Return what the service says of one generation; None if it knows none of this id.

        Asked without credentials (the id is the access), with Basic only where the service wants it.

        Ids are kept in one form; a service that knows none of them so far is also asked in its own spelling.

        Raises:
            ApiError: refused. ServiceDown: no good answer.
        Source: API contract, 2.11.
        """
        for spelled in self._spellings:
            record = self._generation(generation_id, spelled(generation_id))
            if record is not None:
                self._spellings = (spelled,)
                return record
        return None

    def _generation(self, generation_id: str, spelled_id: str) -> Generation | None:
        call = Call(
            method="GET",
            path=f"{PREFIX}/generated_video_by_id",
            query=(("id", spelled_id),),
            auth=OPEN,
        )

        def read(body: bytes) -> Generation | None:
            return wire.read_one_generation(body, asked_id=generation_id, allow_file=self._allow_file)

        try:
            record = self._caller.read(call, read)
        except ApiError as error:
            if error.status in {400, 404, 410} or (error.status == 422 and spelled_id != generation_id):
                return None  # 422: this spelling is no id here
            raise
        if record is not None and ids.normal(record.id) != ids.normal(generation_id):
            raise wire.WireError("the service answered for another video than the one asked for")
        return record

    def generations_page(self, target: Target, page: int, size: int = paging.PAGE_SIZE) -> wire.Page:
        """Return one page of a target's generations, from page 0.

        Raises:
            ApiError: 401 or 403: the route is closed to these credentials. ServiceDown: no good answer.
        Source: API contract, 2.9 and 2.10.
        """
        if target.api_id in self._closed_lists:  # asked once, and refused
            raise self._closed_lists[target.api_id]
        name = "campaign" if target.kind is TargetKind.CAMPAIGN else "video_instance"
        call = Call(
            method="GET",
            path=f"{PREFIX}/generated_video_by_{name}_id",
            query=((f"{name}_id", target.api_id), ("page", str(page)), ("size", str(size))),
            auth=LISTS,
            limit_bytes=transport.LIST_BYTES,
        )
        try:
            return self._caller.read(call, lambda body: wire.read_generation_list(body, allow_file=self._allow_file))
        except ApiError as error:
            if error.status in {401, 403}:
                self._closed_lists[target.api_id] = error
            raise

    # Campaigns and instances. Source: API contract, 2.6 to 2.8.

    def resources(self, kind: TargetKind, *, limit: int = 0) -> paging.PagedResult:
        """Return the campaigns or instances, of all pages; at most so many, 0 for all. Raises as `generations_page`."""

        def fetch(page: int, size: int) -> wire.Listing:
            call = Call(
                method="GET",
                path=f"{PREFIX}/{_noun(kind)}s",
                query=(("page", str(page)), ("size", str(size))),
                auth=LISTS,
                limit_bytes=transport.LIST_BYTES,
            )
            return self._caller.read(call, wire.read_listing)

        return paging.follow(fetch, limit=limit)

    def resource(self, kind: TargetKind, api_id: str) -> Mapping[str, Any] | None:
        """Return the record of a campaign or instance, None if there is none. Raises as `generations_page`."""
        call = Call(method="GET", path=f"{PREFIX}/{_noun(kind)}", query=(("id", api_id),), auth=LISTS)
        try:
            return self._caller.read(call, wire.read_record)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def create(self, kind: TargetKind, payload: Mapping[str, Any]) -> Any:
        """Create a campaign or instance from a payload whose shape nobody documents. One attempt.

        Returns the service's result, in whatever shape; of a list with one item, that item. So do the other changes.
        """
        return self._changed(Call(method="POST", path=f"{PREFIX}/{_noun(kind)}", payload=payload, auth=LISTS))

    def update(self, kind: TargetKind, api_id: str, payload: Mapping[str, Any]) -> Any:
        """Change a campaign or instance; the id stands in the query and the payload. One attempt."""
        call = Call(
            method="PATCH",
            path=f"{PREFIX}/{_noun(kind)}",
            query=(("id", api_id),),
            payload={"id": api_id, **payload},
            auth=LISTS,
        )
        return self._changed(call)

    # Webhooks, Speakeasy, previews. Source: API contract, 2.13 to 2.16.

    def webhooks(self) -> wire.Listing:
        """Return the saved webhooks."""
        return self._whole_list("webhook")

    def create_webhook(self, name: str, url: str) -> Any:
        """Save a webhook. One attempt."""
        return self._changed(Call(method="POST", path=f"{PREFIX}/webhook", payload={"name": name, "webhook": url}))

    def speakeasy_projects(self) -> wire.Listing:
        """Return the presenters that can be imported."""
        return self._whole_list("speakeasy_projects")

    def import_speakeasy(self, project_id: str, workspace_id: str | None = None) -> Any:
        """Import a presenter; return the service's result as it is, since its shape is not documented. One attempt."""
        payload = {"project_id": project_id} | ({"workspace_id": workspace_id} if workspace_id else {})
        call = Call(method="POST", path=f"{PREFIX}/speakeasy_projects/import", payload=payload)
        return self._caller.read(call, wire.read_result)

    def videos_preview(self, payload: Mapping[str, Any]) -> Any:
        """Request a preview; return the service's result as it is. One attempt."""
        call = Call(method="POST", path=f"{PREFIX}/videos_preview", payload=payload, can_cost=True)
        return self._caller.read(call, wire.read_result)

    # Anything else.

    def probe(self, path: str, kind: str, *, query: Sequence[tuple[str, str]] = ()) -> tuple[int, str]:
        """Ask a route with one kind of credentials; return its status and, unless it is good, the service's words.

        Raises:
            ServiceDown: no answer.
        """
        call = Call(
            method="GET", path=f"{PREFIX}/{path}", query=tuple(query), auth=(kind,), limit_bytes=transport.LIST_BYTES
        )
        try:
            return self._caller.ask(call).status, ""
        except ApiError as error:
            return error.status, error.detail

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        auth: Sequence[str] = (),
    ) -> Response:
        """Send any request to this service and return the answer whatever its status.

        path: beginning with `/`, from the root of the host. body: JSON, sent as it is. auth: which credentials; else
        a GET is asked with each in turn, anything else is sent once, with the first there is.

        Raises:
            ServiceDown: no answer. InDoubtError: no answer to what may have been carried out.
        """
        if not auth:
            auth = EITHER if method == "GET" else self._caller.first_available(EITHER)
        call = Call(
            method=method, path=path, query=tuple(query), body=body, auth=auth, limit_bytes=transport.LIST_BYTES
        )
        return self._caller.answer(call)

    def _whole_list(self, noun: str) -> wire.Listing:
        call = Call(method="GET", path=f"{PREFIX}/{noun}", limit_bytes=transport.LIST_BYTES)
        return self._caller.read(call, wire.read_listing)

    def _changed(self, call: Call) -> Any:
        result = self._caller.read(call, wire.read_result)
        return result[0] if isinstance(result, list) and len(result) == 1 else result


def _noun(kind: TargetKind) -> str:
    return "campaign" if kind is TargetKind.CAMPAIGN else "video_instance"
