"""Fifty files as damaged and as odd as people send them, made by code; each with what must come of it."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from tests.integration.render import footage
from tests.integration.render.footage import Clip

FINE = ""
"""The file is odd, but must be shown."""

ANY = "*"
"""Either is right: shown as far as it goes, or refused; but no crash and no hang."""

MOVING = Clip(seconds=0.6, size=(320, 180), colour=None, sound=False)


def _bytes(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def _clip(**changes: Any) -> Callable[[Path], None]:
    settings: dict[str, Any] = {"seconds": 0.6, "size": (320, 180), "colour": None, "sound": False} | changes

    def write(path: Path) -> None:
        footage.make(path, Clip(**settings))

    return write


def _whole(path: Path) -> bytes:
    footage.make(path, MOVING)
    return path.read_bytes()


def _cut(part: float, *, front: bool = False) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        if front:
            with av.open(str(path), "w", options={"movflags": "+faststart"}) as out:
                _pictures(out, out.add_stream("libx264", rate=30), 18)
            data = path.read_bytes()
        else:
            data = _whole(path)
        path.write_bytes(data[: int(len(data) * part)])

    return write


def _flipped(seed: int, count: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        data, chance = bytearray(_whole(path)), random.Random(seed)
        for _ in range(count):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(bytes(data))

    return write


def _pictures(out: Any, stream: Any, count: int, times: list[int] | None = None) -> None:
    stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(footage.picture(MOVING, number, count), "rgb24")
        frame.pts, frame.time_base = (times[number] if times else number), Fraction(1, 30)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def _variable_rate(path: Path) -> None:
    with av.open(str(path), "w") as out:
        _pictures(out, out.add_stream("libx264", rate=30), 10, [0, 1, 2, 9, 10, 20, 21, 22, 40, 45])


def _late_start(path: Path) -> None:
    with av.open(str(path), "w") as out:
        _pictures(out, out.add_stream("libx264", rate=30), 10, list(range(90, 100)))


def _sound_only(path: Path) -> None:
    with av.open(str(path), "w") as out:
        track: Any = out.add_stream("aac", rate=48_000, layout="stereo")
        for frame in footage.tone(0.5):
            out.mux(track.encode(frame))
        out.mux(track.encode(None))


def _no_frames(path: Path) -> None:
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        out.mux(stream.encode(None))


def _rotated(path: Path) -> None:
    """A film turned by a quarter in its header, as phones do: the matrix in `tkhd` is changed by hand."""
    data = _whole(path)
    at = data.index(b"tkhd") + 4 + 40
    turn = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    path.write_bytes(data[:at] + b"".join(value.to_bytes(4, "big", signed=True) for value in turn) + data[at + 36 :])


def _damaged_metadata(path: Path) -> None:
    with av.open(str(path), "w") as out:
        out.metadata["title"] = "AAAAAAAA"
        _pictures(out, out.add_stream("libx264", rate=30), 10)
    path.write_bytes(path.read_bytes().replace(b"AAAAAAAA", b"\xff\xfe\x80\xc3AAAA"))


def _still(mode: str = "RGB", size: tuple[int, int] = (320, 180)) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        Image.new(mode, size).save(path)

    return write


def _animated(path: Path) -> None:
    frames = [Image.new("RGB", (160, 90), (n * 40, 80, 120)) for n in range(5)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, loop=0)


def _turned_photo(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(footage.picture(MOVING, 0, 1)).save(path, exif=exif)


def _cut_picture(path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (180, 320, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:20_000])


def _png_bomb(path: Path) -> None:
    """A PNG whose header claims 100,000 x 100,000 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1_000)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


PAGE = b"<!doctype html><html><body>404 not found</body></html>"

CASES: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty.mp4": (_bytes(b""), "is empty"),
    "page.mp4": (_bytes(PAGE), "is a web page"),
    "page.png": (_bytes(b"\xef\xbb\xbf \n<html>" + PAGE), "is a web page"),
    "text.mp4": (_bytes(b"first_name,company\nZoe,Acme\n" * 50), "is damaged or not a video"),
    "json.mp4": (_bytes(b'{"error": "expired"}'), "is damaged or not a video"),
    "zeros.mp4": (_bytes(b"\0" * 50_000), "is damaged or not a video"),
    "random.mp4": (_bytes(random.Random(1).randbytes(50_000)), "is damaged or not a video"),
    "script.svg": (_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"), "the asset"),
    "header_only.mp4": (_bytes(b"\0\0\0\x18ftypisom\0\0\2\0isomiso2"), "is damaged or not a video"),
    "cut_before_index.mp4": (_cut(0.5), "is damaged or not a video"),
    "cut_after_index.mp4": (_cut(0.6, front=True), ANY),
    "cut_last_byte.mp4": (_cut(0.999, front=True), ANY),
    "sound_only.m4a": (_sound_only, "holds sound but no picture"),
    "sound_called.mp4": (_sound_only, "holds sound but no picture"),
    "no_frames.mp4": (_no_frames, "the asset"),
    "one_byte.jpg": (_bytes(b"\xff"), "is damaged or not a video"),
    "jpeg_head.jpg": (_bytes(b"\xff\xd8\xff\xe0" + b"\0" * 64 + b"\xff\xd9"), "the asset"),
    "cut_picture.png": (_cut_picture, "a picture that is damaged"),
    "bomb.png": (_png_bomb, "more than 40 megapixels"),
    "flipped_a.mp4": (_flipped(1, 3), ANY),
    "flipped_b.mp4": (_flipped(2, 40), ANY),
    "flipped_c.mp4": (_flipped(3, 400), ANY),
    "metadata.mp4": (_damaged_metadata, FINE),
    "variable_rate.mp4": (_variable_rate, FINE),
    "late_start.mp4": (_late_start, FINE),
    "ten_bit.mp4": (_clip(pix_fmt="yuv420p10le"), FINE),
    "four_four_four.mp4": (_clip(pix_fmt="yuv444p"), FINE),
    "odd_size.mp4": (_clip(size=(321, 181), pix_fmt="yuv444p"), FINE),
    "tiny.mp4": (_clip(size=(16, 16)), FINE),
    "thin.mp4": (_clip(size=(640, 16)), FINE),
    "huge.mp4": (_clip(size=(2_600, 1_500), seconds=0.1), FINE),
    "one_frame.mp4": (_clip(seconds=1 / 30), FINE),
    "sixty.mp4": (_clip(fps=60), FINE),
    "slow.mp4": (_clip(fps=5), FINE),
    "no_sound.mp4": (_clip(), FINE),
    "with_sound.mkv": (_clip(sound=True), FINE),
    "rotated.mp4": (_rotated, FINE),
    "hevc.mp4": (_clip(codec="libx265", options=(("x265-params", "log-level=none"), ("preset", "ultrafast"))), FINE),
    "vp9.webm": (_clip(codec="libvpx-vp9", options=(("deadline", "realtime"),)), FINE),
    "vp8_sound.webm": (_clip(codec="libvpx", options=(("deadline", "realtime"),), sound=True), FINE),
    "mpeg4.avi": (_clip(codec="mpeg4", options=()), FINE),
    "prores.mov": (_clip(codec="prores_ks", pix_fmt="yuv422p10le", options=()), FINE),
    "animated.gif": (_animated, FINE),
    "animated.webp": (_animated, FINE),
    "turned_photo.jpg": (_turned_photo, FINE),
    "grey.png": (_still("L"), FINE),
    "black_and_white.png": (_still("1"), FINE),
    "sixteen_bit.png": (_still("I;16"), FINE),
    "palette.png": (_still("P"), FINE),
    "see_through.png": (_still("RGBA"), FINE),
    "print_colours.jpg": (_still("CMYK"), FINE),
    "one_pixel.png": (_still(size=(1, 1)), FINE),
    "ribbon.png": (_still(size=(4_000, 3)), FINE),
    "picture.bmp": (_still(), FINE),
    "picture.tiff": (_still(), FINE),
}
