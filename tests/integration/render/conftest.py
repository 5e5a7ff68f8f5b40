"""One cache for all of the renderer's integration tests, and a web server that holds what a test puts there."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bhuman_cli.studio.render import job
from tests.integration.render import footage


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("render-cache")


@dataclass(frozen=True, slots=True)
class Web:
    folder: Path
    url: str
    asked: list[str]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        if self.path == "/missing":
            self.send_error(404)
        elif self.path == "/to-file":
            self._redirect("file:///etc/passwd")
        elif self.path == "/loop":
            self._redirect("/loop")
        elif self.path == "/never.png":
            self.server.closing.wait(30)  # type: ignore[attr-defined]
        elif self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 10)
            self.close_connection = True
        else:
            super().do_GET()

    def _redirect(self, to: str) -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.end_headers()


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("web")
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        asked: list[str] = []
        server.closing = threading.Event()  # type: ignore[attr-defined]
        server.asked = asked  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield Web(folder, f"http://127.0.0.1:{server.server_port}", asked)
        server.closing.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


@dataclass(frozen=True, slots=True)
class Studio:
    """Renders rows of one template."""

    template: Path | None
    cache_dir: Path
    out: Path

    def row(self, values: dict[str, str], *, name: str = "row", **more: Any) -> job.RenderedMedia:
        options = {"allow_private": True, **more.pop("options", {})}
        return job.render(
            job.RenderJob(
                generation_id=name,
                template=str(self.template) if self.template else None,
                values=values,
                out_dir=str(self.out / name),
                options=options,
                **more,
            ),
            self.cache_dir,
        )


@pytest.fixture
def built_in(cache_dir: Path, tmp_path: Path) -> Studio:
    return Studio(None, cache_dir, tmp_path)


PLAIN = """
name = "Plain"
video = "plain.mp4"
[[variables]]
name = "first_name"
start = 1.0
end = 2.0
text = "Hi {first_name}!"
style = "caption"
position = "top"
[[variables]]
name = "company"
start = 3.0
end = 3.5
style = "badge"
"""


@pytest.fixture(scope="session")
def plain_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grey four seconds with captions at 1-2 s (top) and 3-3.5 s (top right)."""
    folder = tmp_path_factory.mktemp("plain")
    footage.make(folder / "plain.mp4", footage.Clip())
    path = folder / "plain.toml"
    path.write_text(PLAIN, "utf-8")
    return path


@pytest.fixture
def plain(plain_template: Path, cache_dir: Path, tmp_path: Path) -> Studio:
    return Studio(plain_template, cache_dir, tmp_path)
