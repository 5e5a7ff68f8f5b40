"""An HTTP response that skips interim answers (1xx), of which `http.client` skips 100 only."""

from __future__ import annotations

import http.client

_SWITCHING_PROTOCOLS = 101  # no interim answer: what follows is not HTTP


class FinalResponse(http.client.HTTPResponse):
    """A response whose status is a final one."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc] # no public way in
            if not 100 <= status < 200 or status == _SWITCHING_PROTOCOLS:
                return version, status, reason
            http.client.parse_headers(self.fp)
