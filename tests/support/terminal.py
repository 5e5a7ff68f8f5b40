"""A command on a pseudo-terminal: what a person sees and types. POSIX only, as the machines that run the tests."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>78]")
PATIENCE_S = 60.0


class Terminal:
    """A running command. raw: every byte it wrote, as text."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self._process = process
        self._master = master
        self.raw = ""
        self._read_up_to = 0

    def wait_for(self, words: str) -> None:
        """Read until these words are on the screen, after everything waited for before."""
        deadline = time.monotonic() + PATIENCE_S
        while words not in self.raw[self._read_up_to :]:
            if not self._read(deadline):
                raise AssertionError(f"{words!r} never came:\n{self.raw}")
        self._read_up_to = self.raw.index(words, self._read_up_to) + len(words)

    def type(self, text: str) -> None:
        """Type, as a person does."""
        os.write(self._master, text.encode())

    def end(self) -> int:
        """Read the rest and return the exit code."""
        deadline = time.monotonic() + PATIENCE_S
        while self._read(deadline):
            pass
        return self._process.wait(PATIENCE_S)

    @property
    def screen(self) -> str:
        """Return what was written, without escape codes."""
        return ESCAPES.sub("", self.raw).replace("\r\n", "\n")

    @property
    def lines(self) -> list[str]:
        """Return the lines of the screen, without white space at their ends."""
        return [line.rstrip() for line in self.screen.splitlines()]

    def _read(self, deadline: float) -> bool:
        left = deadline - time.monotonic()
        if left <= 0:
            raise AssertionError(f"nothing more came in time:\n{self.raw}")
        if not select.select([self._master], [], [], left)[0]:
            return True
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # Linux: the other side is closed
            return False
        self.raw += piece.decode("utf-8", "replace")
        return bool(piece)


def _take_terminal() -> None:
    """Make the slave side the controlling terminal, so that Ctrl-C typed into it is a signal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextlib.contextmanager
def terminal(argv: Sequence[str], *, folder: Path, env: Mapping[str, str], columns: int = 80) -> Iterator[Terminal]:
    """Run a command on a terminal of its own; it is ended with the block."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        list(argv), stdin=slave, stdout=slave, stderr=slave, cwd=folder, env={"TERM": "xterm-256color", **env},
        start_new_session=True, preexec_fn=_take_terminal,  # noqa: PLW1509 - one system call
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        os.close(master)
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_S)
