"""A row's files, decoded and measured: where and when text is, what stays untouched, what is shared between rows."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from bhuman_cli.studio.render import base, engine, job, presenter, scene, template
from bhuman_cli.studio.render.output import gif, splice
from tests.integration.render import footage
from tests.integration.render.conftest import Studio

VALUES = {"first_name": "Zoë", "company": "Acme"}


def test_text_is_where_and_when_the_template_says(plain: Studio) -> None:
    media = plain.row(VALUES)
    film = footage.decode(media.video)
    assert len(film.pictures) == 120
    assert film.fps == 30
    assert media.duration_s == pytest.approx(4.0)
    assert film.duration_s == pytest.approx(4.0, abs=0.05)
    for number in (0, 29, 60, 89, 105, 119):
        assert footage.near(film.pictures[number], footage.GREY, 3), f"frame {number} must be untouched"
    top, rest = film.pictures[45][10:80, 200:440], film.pictures[45][120:]
    assert top.min() < 60, "the pill is dark"
    assert top.max() > 225, "the text is white"
    assert footage.near(rest, footage.GREY, 3)
    corner = film.pictures[97][20:60, 440:620]
    assert not footage.near(corner, footage.GREY, 20)
    assert footage.near(film.pictures[97][100:], footage.GREY, 3)


def test_sound_is_the_templates_from_start_to_end(plain: Studio) -> None:
    sound = footage.decode(plain.row(VALUES).video).sound
    assert sound is not None
    assert sound.shape[1] == pytest.approx(4 * 48_000, abs=2_100)
    middle = sound[0, 96_000:120_000]
    assert 0.25 < np.abs(middle).max() < 0.36
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.argmax(spectrum) * 48_000 / len(middle) == pytest.approx(440, abs=4)


def test_untouched_frames_are_bit_identical_to_the_base_and_times_rise(plain: Studio, plain_template: Path) -> None:
    film = footage.decode(plain.row(VALUES).video)
    found = base.prepare(plain_template.with_name("plain.mp4"), (0, 30, 60, 90, 105), plain.cache_dir)
    original = footage.decode(found)
    changed = set(range(30, 60)) | set(range(90, 105))
    assert all(
        np.array_equal(one, other)
        for number, (one, other) in enumerate(zip(film.pictures, original.pictures, strict=True))
        if number not in changed
    )
    assert all(a < b for a, b in zip(film.dts, film.dts[1:], strict=False))
    assert {0, 30, 60, 90, 105} <= set(film.keys)


def test_spliced_and_fully_encoded_rows_look_the_same(plain: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    spliced = footage.decode(plain.row(VALUES, name="spliced").video)

    def refuse(*_: object, **__: object) -> None:
        raise splice.SpliceError("made up for this test")

    monkeypatch.setattr(splice, "check", refuse)
    media = plain.row(VALUES, name="full")
    full = footage.decode(media.video)
    assert len(full.pictures) == len(spliced.pictures)
    for one, other in zip(spliced.pictures, full.pictures, strict=True):
        error = np.mean((one.astype(float) - other.astype(float)) ** 2)
        assert error < 255**2 / 10**3.4, "34 dB"
    assert full.sound is not None
    assert Path(media.gif).stat().st_size > 1_000


def lose_one(packets: list[Any]) -> list[Any]:
    return packets[:-1]


def damage_all(packets: list[Any]) -> list[Any]:
    """Put noise into every packet but keep its length, times and flags."""
    out = []
    for packet in packets:
        data = bytearray(bytes(packet))
        data[12:] = b"\x5a" * len(data[12:])
        made = av.Packet(bytes(data))
        made.pts, made.dts, made.duration, made.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
        made.is_keyframe = packet.is_keyframe
        out.append(made)
    return out


@pytest.mark.parametrize("spoil", [lose_one, damage_all])
def test_a_faulty_splice_is_noticed_and_the_row_encoded_in_full(
    plain_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[list[Any]], list[Any]]
) -> None:
    original = splice.encode_piece
    monkeypatch.setattr(splice, "encode_piece", lambda *arguments: spoil(original(*arguments)))
    studio = Studio(plain_template, tmp_path / "new-cache", tmp_path)
    film = footage.decode(studio.row(VALUES).video)
    assert len(film.pictures) == 120
    assert film.pictures[45][10:80, 200:440].max() > 225
    assert footage.near(film.pictures[45][120:], footage.GREY, 4)
    assert footage.near(film.pictures[70], footage.GREY, 4)


def test_a_base_whose_headers_differ_is_encoded_in_full(
    plain: Studio, plain_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_engines", type(engine._engines)())
    original = base.load
    monkeypatch.setattr(base, "load", lambda path: dataclasses.replace(original(path), splices=False))
    film = footage.decode(plain.row(VALUES).video)
    assert len(film.pictures) == 120
    assert film.pictures[45][10:80, 200:440].max() > 225
    assert footage.near(film.pictures[20], footage.GREY, 3)


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return footage.make(tmp_path_factory.mktemp("grey") / "grey.mp4", footage.Clip(size=(320, 180)))


@pytest.mark.parametrize(
    "pairs",
    [
        [(0.0, 1.0)],
        [(3.0, 4.0)],
        [(0.0, 4.0)],
        [(0.0, 0.04), (3.97, 4.0)],
        [(1.0, 1.5), (1.5, 2.0), (2.0, 2.5)],
        [(0.5, 0.6), (0.6, 0.64), (1.9, 3.1)],
    ],
)
def test_any_layout_of_sections_splices(
    tmp_path: Path, grey: Path, cache_dir: Path, pairs: list[tuple[float, float]]
) -> None:
    text = f"video = '{grey}'\n" + "".join(
        f"[[variables]]\nname='v{n}'\nstart={start}\nend={end}\nstyle='caption'\n"
        for n, (start, end) in enumerate(pairs)
    )
    path = tmp_path / "layout.toml"
    path.write_text(text, "utf-8")
    studio = Studio(path, cache_dir, tmp_path)
    film = footage.decode(studio.row({f"v{n}": "MMMM" for n in range(len(pairs))}).video)
    assert len(film.pictures) == 120
    assert all(a < b for a, b in zip(film.dts, film.dts[1:], strict=False))
    varying = {n for start, end in pairs for n in range(int(start * 30), round(end * 30))}
    for number in set(range(120)) - varying:
        assert footage.near(film.pictures[number], footage.GREY, 4), number


def test_equal_pieces_are_encoded_once_per_process(plain: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    plain.row({"first_name": "Once", "company": "One"})
    encoded: list[int] = []
    original = splice.encode_piece

    def counted(found: base.Base, first: int, *more: object) -> object:
        encoded.append(first)
        return original(found, first, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(splice, "encode_piece", counted)
    plain.row({"first_name": "Once", "company": "Two"})
    assert encoded == [90]


def test_pictures_beyond_the_room_for_unpacked_ones_are_decoded_again_and_come_out_the_same(
    plain: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped = footage.decode(plain.row(VALUES, name="mapped").video)
    monkeypatch.setattr(engine, "_engines", type(engine._engines)())
    monkeypatch.setattr(base.Base, "_mapped", lambda *_: None)
    decoded = footage.decode(plain.row(VALUES, name="decoded").video)
    assert all(np.array_equal(one, other) for one, other in zip(mapped.pictures, decoded.pictures, strict=True))


def test_unpacked_pictures_have_a_limit(plain_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MAPPED_LIMIT_BYTES", 30 * 640 * 360 * 3 // 2)
    Studio(plain_template, tmp_path / "cache", tmp_path).row(VALUES)
    kept = [path.name for path in (tmp_path / "cache").rglob("*.yuv")]
    assert kept == ["base-frames-30-60.yuv"]


def test_pieces_that_nobody_asks_for_any_more_make_room(plain: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_engines", type(engine._engines)())
    monkeypatch.setattr(engine, "PIECE_CACHE_BYTES", 1)
    for name in ("one", "two", "three"):
        media = plain.row({"first_name": name, "company": name}, name=name)
        assert len(footage.decode(media.video).pictures) == 120
    used = next(iter(engine._engines.values()))
    assert len(used._pieces) == 1
    assert used._kept_bytes == sum(piece.size_bytes for piece in used._pieces.values())


def test_rendering_again_replaces_the_files_whole(plain: Studio) -> None:
    media = plain.row(VALUES)
    first = Path(media.video).read_bytes()
    plain.row({"first_name": "Other", "company": "Acme"})
    assert Path(media.video).read_bytes() != first
    plain.row(VALUES)
    names = sorted(path.name for path in Path(media.video).parent.iterdir())
    assert names == ["index.html", "preview.gif", "thumbnail.jpg", "video.mp4"]
    assert Path(media.video).stat().st_mode & 0o777 == 0o600


def test_the_thumbnail_shows_the_first_caption(plain: Studio) -> None:
    with Image.open(plain.row(VALUES).thumbnail) as found:
        assert found.format == "JPEG"
        assert found.size == (640, 360)
        pixels = np.asarray(found)
    assert pixels[10:80, 200:440].max() > 225
    assert pixels[160:200, 300:340].max() > 240, "the play mark in the middle"


def test_the_gif_begins_with_the_first_text_whole_and_carries_a_play_mark(plain: Studio) -> None:
    media = plain.row(VALUES)
    film = footage.decode(media.video)
    begins = 30 + round(gif.FULL_S * 30)  # the first caption comes at 1 s
    found: Any
    with Image.open(media.gif) as found:
        assert found.size == (480, 270)
        assert found.n_frames == 28
        assert found.info["loop"] == 0
        total = 0
        for number in range(found.n_frames):
            found.seek(number)
            total += found.info["duration"]
            shown = np.asarray(found.convert("RGB")).astype(float)
            assert shown[115:155, 210:270].max() > 240, "the mark"
            frame = Image.fromarray(film.pictures[begins + int(number * 30 / 12)])
            wanted = np.asarray(frame.resize((480, 270), Image.Resampling.BOX)).astype(float)
            away = (shown - wanted) ** 2
            away[100:170, 205:275] = 0  # but for the mark, and the texts leave no traces
            assert 10 * np.log10(255**2 / np.mean(away)) > 26, f"frame {number}"
        assert total == 2_330
    assert Path(media.gif).stat().st_size < 600_000


def test_gif_compression_without_pillows_private_way_gives_the_same_pictures() -> None:
    index = (np.arange(60 * 40).reshape(40, 60) * 7 % 251).astype(np.uint8)
    data = gif._taken_apart(Image.frombuffer("L", (60, 40), np.ascontiguousarray(index), "raw", "L", 0, 1))
    palette = b"".join(bytes((n, n, n)) for n in range(256))
    head = b"GIF89a" + (60).to_bytes(2, "little") + (40).to_bytes(2, "little") + b"\xf7\0\0" + palette
    place = b",\0\0\0\0" + (60).to_bytes(2, "little") + (40).to_bytes(2, "little") + b"\0"
    for packed in (data, gif._compress(index)):
        with Image.open(io.BytesIO(head + place + packed + b";")) as found:
            assert np.array_equal(np.asarray(found.convert("L")), index)


def test_the_built_in_presenter_greets_and_shows_every_value(built_in: Studio) -> None:
    values = {"first_name": "Alexandra", "company": "Acme & Sons", "city": "Łódź", "plan": "Pro", "seats": "12"}
    media = built_in.row(values)
    assert media.duration_s == presenter.DURATION_S
    assert media.warnings == ()
    numbers = (10, 60, 100, 150, 225, 260)
    plainly = footage.some(presenter.video(built_in.cache_dir), *numbers)
    shown = footage.some(media.video, *numbers)
    changed = {number: float((shown[number] != plainly[number]).mean()) for number in numbers}
    assert changed[10] == changed[100] == changed[260] == 0
    assert min(changed[60], changed[150], changed[225]) > 0.03
    assert shown[60].shape == (720, 1280, 3)


def test_the_presenter_is_the_same_every_time_and_made_once(tmp_path: Path, cache_dir: Path) -> None:
    first = presenter.video(cache_dir)
    stamp = first.stat().st_mtime_ns
    assert presenter.video(cache_dir) == first
    assert first.stat().st_mtime_ns == stamp
    numbers = (0, 50, 137, 269)
    again, original = footage.some(presenter.video(tmp_path), *numbers), footage.some(first, *numbers)
    assert all(np.array_equal(again[number], original[number]) for number in numbers)


def test_the_presenter_looks_at_you_in_the_thumbnail() -> None:
    reel = scene.Reel(fps=Fraction(presenter.FPS), frames=presenter.FRAMES)
    values = {"first_name": "Zoë", "company": "Acme"}
    first = scene.lay_out(template.BUILT_IN, reel, values, (), ()).pieces[0]
    pose = presenter.pose_at(engine.poster_frame(first.captions, first.first, first.last))
    assert pose.blink == 0
    assert pose.arm == 1, "and waves"


def test_characters_without_a_font_are_a_warning_without_the_value(built_in: Studio) -> None:
    media = built_in.row({"first_name": "Bo\ue000b"})
    assert media.warnings == ("no font on this machine has U+E000; left out of the video",)


def test_a_row_without_any_values_is_the_base_itself(plain: Studio) -> None:
    media = plain.row({"first_name": "", "company": ""})
    film = footage.decode(media.video)
    assert all(footage.near(picture, footage.GREY, 3) for picture in film.pictures[::10])
    assert Path(media.gif).stat().st_size > 100


@pytest.mark.parametrize(("start", "made"), [(1.0, False), (1.25, True)])
def test_the_presenter_is_encoded_again_only_for_other_key_frames(
    cache_dir: Path, tmp_path: Path, start: float, made: bool
) -> None:
    before = set((cache_dir / "bases").glob("*"))
    path = tmp_path / "t.toml"
    path.write_text(f"[[variables]]\nname='n'\nstart={start}\nend=2\n", "utf-8")
    film = Studio(path, cache_dir, tmp_path).row({"n": "MMM"})
    assert film.duration_s == presenter.DURATION_S
    assert bool(set((cache_dir / "bases").glob("*")) - before) is made


def test_footage_named_like_ours_is_treated_like_any_other(tmp_path: Path, cache_dir: Path) -> None:
    own = footage.make(tmp_path / presenter.path_of(tmp_path).name, footage.Clip(seconds=1, sound=False))
    assert base.prepare(own, (0,), cache_dir) != own


@pytest.mark.parametrize("size", [(360, 640), (480, 480), (638, 360)])
def test_portrait_square_and_other_sizes_keep_captions_inside_the_picture(
    tmp_path: Path, cache_dir: Path, size: tuple[int, int]
) -> None:
    footage.make(tmp_path / "own.mp4", footage.Clip(seconds=2, size=size, sound=False))
    path = tmp_path / "own.toml"
    path.write_text(
        "video='own.mp4'\n"
        + "".join(
            f"[[variables]]\nname='{s}'\nstart=0.5\nend=1.5\nstyle='{s}'\n" for s in ("title", "lower-third", "badge")
        ),
        "utf-8",
    )
    studio = Studio(path, cache_dir, tmp_path)
    long = "A name that is much longer than anybody would expect it to be"
    film = footage.decode(studio.row({"title": long, "lower-third": long, "badge": long}).video)
    assert film.sound is None
    picture = film.pictures[30]
    assert picture.shape[:2] == (size[1], size[0])
    edge = 4
    for strip in (picture[:edge], picture[-edge:], picture[:, :edge], picture[:, -edge:]):
        assert footage.near(strip, footage.GREY, 12)
    assert picture.max() > 240


def test_a_damaged_template_fails_the_row_in_one_sentence(tmp_path: Path, cache_dir: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text("nme = 1", "utf-8")
    with pytest.raises(job.RenderFailure, match=r"t\.toml:1: top level: unknown key 'nme'"):
        Studio(path, cache_dir, tmp_path).row({"a": "b"})


def test_an_unwritable_folder_fails_the_row_and_not_the_program(built_in: Studio, tmp_path: Path) -> None:
    (tmp_path / "row").write_text("a file where the folder should be")
    with pytest.raises(job.RenderFailure, match="can't be written"):
        built_in.row({"a": "b"})
