"""Studio inside another program: the same application, in a thread, on a free port. Signals stay untouched."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Any, Final, Self

from bhuman_cli import clock
from bhuman_cli.errors import ServiceDown
from bhuman_cli.studio.config import CAMPAIGN_ID, INSTANCE_ID, StudioConfig
from bhuman_cli.studio.faults import grammar
from bhuman_cli.studio.server import serving

READY_WITHIN_S: Final = 30.0
GONE_WITHIN_S: Final = 30.0


class Embedded:
    """A running studio: `with Embedded(config) as studio: studio.base_url`."""

    campaign_id = CAMPAIGN_ID
    instance_id = INSTANCE_ID

    def __init__(self, config: StudioConfig, *, clock: clock.Clock | None = None) -> None:
        self.config = config
        self._clock = clock
        self._bound = serving.bind(config)
        self.base_url = serving.base_url(config, self._bound)
        self.key_id, self.secret = config.keys[0] if config.keys else ("", "")
        self.bearer = config.bearers[0] if config.bearers else ""
        self._ready = threading.Event()
        self._server: serving.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="bhuman-studio", daemon=True)

    @property
    def faults(self) -> grammar.Plan:
        """The faults in force; may be replaced while the studio runs."""
        plan: grammar.Plan = self._state().backend.plan
        return plan

    def flush_log(self) -> None:
        """Write the request log to disk now."""
        assert self._loop is not None

        async def flush() -> None:
            await self._state().log.flush()

        asyncio.run_coroutine_threadsafe(flush(), self._loop).result(GONE_WITHIN_S)

    def __enter__(self) -> Self:
        """Start; connections are answered when this returns.

        Raises:
            ServiceDown: the studio did not start.
        """
        try:
            self._server = serving.build(
                self.config, self._bound, on_ready=self._started, signals=False, clock=self._clock
            )
        except BaseException:
            self._bound.close()
            raise
        self._thread.start()
        self._ready.wait(READY_WITHIN_S)
        if self._loop is None:
            self._bound.close()
            raise ServiceDown("the local studio did not start") from self._error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; the socket, the queue and the workers are closed when this returns."""
        assert self._server is not None
        assert self._loop is not None
        self._server.stop(self._loop)
        self._thread.join(GONE_WITHIN_S)
        self._bound.close()

    def _state(self) -> Any:
        assert self._server is not None
        return self._server.config.app.state  # type: ignore[union-attr]  # it is the FastAPI that serving.build made

    def _serve(self) -> None:
        assert self._server is not None
        try:
            asyncio.run(self._server.serve(sockets=[self._bound]))
        except (Exception, SystemExit) as error:
            self._error = error
        finally:
            self._ready.set()

    def _started(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready.set()
