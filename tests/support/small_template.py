"""A video template so small that a real render of it takes a moment."""

from __future__ import annotations

from pathlib import Path

TEMPLATE = """\
name = "Small"
video = "small.mp4"

[[variables]]
name = "first_name"
start = 0.0
end = 1.0
text = "Hi {first_name}"
"""


def write(folder: Path) -> Path:
    """Write template and video into a folder, and return the template's path."""
    import av
    import numpy as np

    with av.open(str(folder / "small.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        for number in range(20):
            picture = np.full((90, 160, 3), 10 * number, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    path = folder / "small.toml"
    path.write_text(TEMPLATE)
    return path
