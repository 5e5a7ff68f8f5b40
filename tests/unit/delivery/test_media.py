from __future__ import annotations

from pathlib import Path

import pytest

from bhuman_cli.delivery import media
from bhuman_cli.delivery.media import What
from tests.support import media_files


@pytest.mark.parametrize(
    ("what", "content"),
    [
        (What.VIDEO, media_files.mp4()),
        (What.GIF, media_files.GIF),
        (What.THUMBNAIL, media_files.PNG),
        (What.THUMBNAIL, media_files.JPEG),
    ],
)
def test_a_whole_file_is_accepted_and_no_cut_of_it(tmp_path: Path, what: What, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert media.problem(path, what) == ""
    for cut in {1, 7, 8, 20, len(content) // 2, len(content) - 8, len(content) - 1}:
        path.write_bytes(content[:cut])
        assert media.problem(path, what), f"{cut} of {len(content)} bytes passed"


@pytest.mark.parametrize(
    "content", [b"", b"<html>expired</html>", b'{"error": 1}', media_files.GIF, media_files.PNG, b"\0" * 500]
)
def test_what_is_no_video_is_no_video(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert media.problem(path, What.VIDEO)


def test_large_boxes_open_ends_and_webp(tmp_path: Path) -> None:
    path = tmp_path / "file"
    head, index = media_files.box(b"ftyp", b"isom"), media_files.box(b"moov", b"0" * 9)
    long_box = (1).to_bytes(4, "big") + b"mdat" + (16 + 50).to_bytes(8, "big") + b"0" * 50
    open_end = (0).to_bytes(4, "big") + b"mdat" + b"0" * 50
    webp = b"RIFF" + (20).to_bytes(4, "little") + b"WEBP" + b"0" * 16
    wholes = [(What.VIDEO, head + long_box + index), (What.VIDEO, head + index + open_end),
              (What.THUMBNAIL, webp)]  # fmt: skip
    for what, content in wholes:
        path.write_bytes(content)
        assert media.problem(path, what) == ""
    path.write_bytes(webp[:-1])
    assert media.problem(path, What.THUMBNAIL) == "the webp file is cut off"
    path.write_bytes(head + b"\0\0\0\5free" + index)
    assert media.problem(path, What.VIDEO)


def test_a_webm_ends_where_its_segment_says(tmp_path: Path) -> None:
    path = tmp_path / "file"
    start, segment = b"\x1a\x45\xdf\xa3\x84webm", b"\x18\x53\x80\x67"
    known, unknown = segment + b"\x40\x40" + b"0" * 64, segment + b"\x01" + b"\xff" * 7 + b"0" * 64
    for whole in (known, unknown):
        path.write_bytes(start + whole)
        assert media.problem(path, What.VIDEO) == ""
    for cut in (start + known[:-1], start + known[:5], start + segment, start[:5], start + b"0" * 70):
        path.write_bytes(cut)
        assert media.problem(path, What.VIDEO) == "the webm file is cut off"


def test_a_video_without_index_can_not_be_played(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(media_files.box(b"ftyp", b"isom") + media_files.box(b"mdat", b"0" * 50))
    assert "index" in media.problem(path, What.VIDEO)


@pytest.mark.parametrize(
    ("what", "url", "ending"),
    [
        (What.VIDEO, "https://h/x.MP4?sig=a.gif", ".mp4"),
        (What.VIDEO, "https://h/x.php", ".mp4"),
        (What.THUMBNAIL, "https://h/x.PNG", ".png"),
        (What.THUMBNAIL, "https://h/x.exe", ".jpg"),
        (What.GIF, "https://h/x", ".gif"),
    ],
)
def test_the_ending_comes_from_a_short_list(what: What, url: str, ending: str) -> None:
    assert media.ending(what, url) == ending
