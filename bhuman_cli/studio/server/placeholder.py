"""Placeholder media that `--render instant` serves for every video: a real, tiny MP4, JPEG and GIF."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path
from typing import Final

FILES: Final = ("video.mp4", "thumbnail.jpg", "preview.gif", "index.html")


def install_placeholder(media: Path) -> None:
    """Put the placeholder's files into the media folder, where they are served like any other video's."""
    folder = media / "placeholder"
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        with resources.as_file(resources.files("bhuman_cli.studio") / "placeholder" / name) as source:
            if not (folder / name).exists():
                shutil.copyfile(source, folder / name)
