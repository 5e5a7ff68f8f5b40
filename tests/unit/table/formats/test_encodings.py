from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bhuman_cli.errors import InputError
from bhuman_cli.table import input_file, reader
from bhuman_cli.table.formats import encodings

SAMPLES = Path(__file__).parents[3] / "data" / "encodings"
"""Lists of names, and the first articles of the Universal Declaration of Human Rights, two words a cell."""


def detect(tmp_path: Path, data: bytes, wanted: str | None = None) -> encodings.TextCoding:
    path = tmp_path / "people.csv"
    path.write_bytes(data)
    return encodings.detect(input_file.spool(path), wanted)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "name,company\nJosé,Acme\n"),
        ("cp1252", "name,company\nJürgen Müller,Bäckerei Weiß\n"),
        ("cp1252", "name,city\nFrançois,Besançon\nHélène,Orléans\n"),
        ("cp1252", "name,price\nAnn,5 €\n"),
        ("cp1252", "name,company\nZoë,Smith’s “Best” Café\n"),
        ("cp1252", "n,c\nÅse Bjørn,Ærø Smørrebrød\n"),
        ("cp1252", "name,city\nJoão Simões,São Paulo\n"),
        ("cp1252", "name\nGuðrún Þórðardóttir\n"),
        ("cp1250", "name,company\nŁukasz,Żółć\nŚwiętosława,Gdańsk\n"),
        ("cp1250", "name,city\nJiří Dvořák,Plzeň\nŽofie Šťastná,Děčín\n"),
        ("cp1250", "name\nKovács Őrség\nTűzoltó Győző\n"),
        ("cp1251", "name\nСергей Петров\nОльга Смирнова\n"),
        ("cp1253", "name,city\nΓιώργος Παπαδόπουλος,Αθήνα\nΜαρία,Θεσσαλονίκη\n"),
        ("cp1254", "name,city\nŞükrü Yılmaz,İzmir\nGülşen Çağlar,Muğla\nIşıl Öztürk,Ağrı\n"),
        ("gb18030", "name,company\n王小明,北京科技有限公司\n李雷,上海贸易公司\n"),
        ("big5", "name,company\n王小明,台北科技公司\n陳美玲,高雄貿易公司\n"),
        ("cp949", "name,company\n김철수,서울상사\n이영희,부산무역\n"),
    ],
)
def test_what_windows_writes_is_guessed_and_said(tmp_path: Path, encoding: str, text: str) -> None:
    found = detect(tmp_path, text.encode(encoding))
    assert text.encode(encoding).decode(found.codec) == text
    assert found.readings[0][0] == found.name


def test_the_guess_looks_beyond_the_first_lines(tmp_path: Path) -> None:
    found = detect(tmp_path, b"name,city\n" + b"Ann,Rome\n" * 50_000 + "Иван,Москва\nОльга,Казань\n".encode("cp1251"))
    assert found.codec == "cp1251"


def test_utf8_is_never_guessed_as_something_else(tmp_path: Path) -> None:
    data = ("name\n" + "a" * ((1 << 20) - 6) + "é\n").encode()  # the letter lies across two pieces of the file
    assert detect(tmp_path, data) == encodings.TextCoding(codec="utf-8", name="utf-8", had_bom=False)


def test_utf16_without_a_mark_needs_to_look_like_it(tmp_path: Path) -> None:
    assert detect(tmp_path, "name,company\nAnn,Acme\n".encode("utf-16-be")).codec == "utf-16-be"
    with pytest.raises(InputError, match="line 2: holds a NUL byte; this is not a text table"):
        detect(tmp_path, b"name\n\0\0\0\0binary")
    with pytest.raises(InputError, match="line 2: holds a NUL byte, so it is not cp1252"):
        detect(tmp_path, b"name\nA\0nn", "cp1252")


def test_a_mark_is_not_part_of_the_text_even_when_the_encoding_is_told(tmp_path: Path) -> None:
    for data, wanted in ((b"\xef\xbb\xbfname\n", "utf8"), ("\ufeffname\n".encode("utf-16-le"), "utf-16")):
        found = detect(tmp_path, data, wanted)
        assert (data.decode(found.codec), found.had_bom, found.notice) == ("name\n", True, "")


@pytest.mark.parametrize("broken", [b"\xff", b"\xe9", b"\xe4\xbd"])
def test_a_broken_letter_does_not_make_all_others_another_encodings(tmp_path: Path, broken: bytes) -> None:
    names = "name\nJürgen Müller\nZoë Çelik\nHélène Žižek\n".encode()
    with pytest.raises(InputError, match="line 5: bytes that are not UTF-8, while nearly all of the file is"):
        detect(tmp_path, names + b"Jos" + broken + b"\n")
    assert detect(tmp_path, names + b"Jos" + broken + b"\n", "cp1252").codec == "cp1252"
    assert detect(tmp_path, b"name\nJos" + b"\xe9\n").codec == "cp1252"


def test_half_width_katakana_are_not_taken_for_broken_utf8(tmp_path: Path) -> None:
    text = "name,company\nﾔﾏﾀﾞ ﾀﾛｳ,ｶﾌﾞｼｷｶﾞｲｼｬ\nｽｽﾞｷ ｲﾁﾛｳ,ｻﾝﾌﾟﾙ\nﾜﾀﾅﾍﾞ ﾕｳｺ,ﾄｳｷｮｳ\n"
    assert detect(tmp_path, text.encode("cp932")).codec == "cp932"


def _samples(file: str, rows: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield (language, encoding, bytes) of lists as people of many countries have them."""
    for block in (SAMPLES / file).read_text("utf-8").split("# ")[1:]:
        head, *lines = block.splitlines()
        language, _, codecs = head.partition(": ")
        text = "\n".join(["first_name,company", *lines[:rows], ""])
        for codec in codecs.split():
            yield language, codec, _encoded(text, codec)


def _encoded(text: str, codec: str) -> bytes:
    if codec != "cp1258":
        return text.encode(codec)
    # Vietnamese Windows has the vowels ready, but the tones as signs of their own.
    tones = "\u0300\u0301\u0303\u0309\u0323"
    taken = list(unicodedata.normalize("NFD", text))
    letters: list[str] = []
    for sign in taken:
        if unicodedata.combining(sign) and sign not in tones:
            at = max(number for number, each in enumerate(letters) if each not in tones)
            letters[at] = unicodedata.normalize("NFC", letters[at] + sign)
        else:
            letters.append(sign)
    return "".join(letters).encode(codec)


@pytest.mark.parametrize(
    ("file", "rows", "at_least"), [("names.txt", 15, 70), ("names.txt", 4, 66), ("rights.txt", 15, 128)]
)
def test_lists_of_names_are_read_right_or_not_at_all(tmp_path: Path, file: str, rows: int, at_least: int) -> None:
    right, asked, wrong = 0, [], []
    for language, codec, data in _samples(file, rows):
        path = tmp_path / "people.csv"
        path.write_bytes(data)
        try:
            table = reader.open_table(path, reader.ReadOptions())
        except InputError:
            asked.append((language, codec))
            continue
        text = [list(table.header), *(list(row.cells) for row in table.rows())]
        if text == [line.split(",") for line in data.decode(codec).splitlines()]:
            right += 1
        else:
            wrong.append((language, codec, table.encoding))
    assert wrong == []
    assert right >= at_least, asked


@pytest.mark.parametrize(("codec", "text"), [("cp1254", "Şahin"), ("cp1251", "Ян"), ("cp1252", "Ñ")])
def test_where_names_would_differ_a_person_decides(tmp_path: Path, codec: str, text: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(f"first_name,company\nAnn,Acme\n{text},Acme\n".encode(codec))
    with pytest.raises(InputError, match="line 3, column first_name: not UTF-8, and several encodings") as refused:
        reader.open_table(path, reader.ReadOptions())
    assert text not in str(refused.value)
    asked: list[tuple[str, str]] = []

    def choose(_: str, readings: Sequence[tuple[str, str]]) -> str:
        asked.extend(readings)
        return codec

    table = reader.open_table(path, reader.ReadOptions(choose_encoding=choose))
    assert (codec, text) in asked
    assert [row.cells[0] for row in table.rows()] == ["Ann", text]


def test_a_sure_guess_is_shown_with_its_letters_only_to_a_person(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes("first_name,company\nAnn,Acme\nIşıl,Güneş\nGülşen,Ağrı\n".encode("cp1254"))
    (said,) = reader.open_table(path, reader.ReadOptions()).notices
    assert "read as cp1254, which is a guess (line 3, column first_name)" in said
    (shown,) = reader.open_table(path, reader.ReadOptions(choose_encoding=lambda *_: "")).notices
    assert 'read as cp1254: "Işıl"' in shown


def test_letters_of_no_encoding_are_refused(tmp_path: Path) -> None:
    data = b"first_name\nA\x81\x8d\x8fb\x90\x9dc\xd5\xf1\xb2d\n"
    with pytest.raises(InputError, match=r"no usual encoding explains|several encodings"):
        detect(tmp_path, data)


def test_long_lines_of_letters_of_two_bytes_are_not_torn(tmp_path: Path) -> None:
    for sign in ("", " "):
        text = "name,note\n山田," + sign.join(["東京電力ｱｲｳ表"] * 3_000) + "\n鈴木,株式会社\n"
        assert detect(tmp_path, text.encode("cp932")).codec == "cp932"
