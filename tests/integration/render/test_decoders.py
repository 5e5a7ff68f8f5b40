"""What a stranger's file may do in a decoder: show itself, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from bhuman_cli.studio.render import decoders
from bhuman_cli.studio.render.background import background
from bhuman_cli.studio.render.footage import reader
from tests.integration.render import footage

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n%%EOF\n"

UNKNOWN = {
    "eps": POSTSCRIPT,
    "pdf": b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n",
    "ppm": b"P6\n2 2\n255\n" + bytes(12),
    "wmf": b"\xd7\xcd\xc6\x9a" + bytes(40),
    "xbm": b"#define x_width 8\n#define x_height 1\nstatic char x_bits[] = {0x00};\n",
    "fli": bytes(4) + b"\x11\xaf" + bytes(122),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_other_kinds_of_pictures_are_none_and_no_program_is_started(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = tmp_path / "called"
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {called}\nexec sleep 60\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    asset = tmp_path / "cat.png"
    asset.write_bytes(UNKNOWN[kind])
    assert background._picture(asset) is None
    with pytest.raises(reader.SourceError, match="is damaged or not a video"):
        reader.probe(asset)
    assert not called.exists()


LISTS = {
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{clip}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile '{clip}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "mpd": "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'><Period><AdaptationSet>"
    "<Representation id='1' bandwidth='1'><BaseURL>{clip}</BaseURL></Representation></AdaptationSet></Period></MPD>",
}


@pytest.mark.parametrize("ending", LISTS)
def test_a_playlist_opens_nothing_that_it_names(ending: str, tmp_path: Path) -> None:
    footage.make(tmp_path / "clip.mp4", footage.Clip())
    assert reader.probe(tmp_path / "clip.mp4").width
    path = tmp_path / f"list.{ending}"
    path.write_text(LISTS[ending].format(clip=tmp_path / "clip.mp4"))
    with pytest.raises(reader.SourceError, match="is damaged or not a video"):
        reader.probe(path)


def test_pictures_up_to_40_megapixels_are_shown_and_no_larger(tmp_path: Path) -> None:
    Image.new("RGBA", (8_000, 5_000), (200, 0, 0, 128)).save(tmp_path / "large.png", compress_level=1)
    shown = background._picture(tmp_path / "large.png", 1_000)
    assert shown is not None
    assert shown.mode == "RGB"
    assert max(shown.size) <= 2_000, "made small before anything else is done with it"
    assert shown.getpixel((0, 0)) == (227, 127, 127)
    Image.new("1", (8_001, 5_000)).save(tmp_path / "larger.png")
    with pytest.raises(background.AssetFailure, match="more than 40 megapixels"):
        background._picture(tmp_path / "larger.png")


def test_no_process_warning_decides_about_pixels(tmp_path: Path) -> None:
    Image.new("1", (12_000, 12_000)).save(tmp_path / "bomb.png")  # beyond Pillow's own limit
    with pytest.raises(decoders.UndecodableError, match="40 megapixels"), decoders.open_picture(tmp_path / "bomb.png"):
        pass
