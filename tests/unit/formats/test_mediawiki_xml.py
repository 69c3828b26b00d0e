"""Reading MediaWiki's XML: pages, lines, and all that can be wrong with a file."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wikipedia_dumps import HEAD, dump, page

from qa_bench.errors import DataError
from qa_bench.formats import mediawiki_xml
from qa_bench.formats.mediawiki_xml import Bad, Page, RawPage, parse_page, read_pages
from qa_bench.formats.mediawiki_xml_bz2 import read_bz2

PAGES = [
    page(1, "A & B", "One <ref>x</ref> &nbsp;"),
    page(2, "Ü", "\nTwo\n\n日本"),
    page(3, "C", ""),
]


def written(folder: Path, content: bytes, name: str = "a.xml") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def told(path: Path, workers: int = 1) -> list[str]:
    """Titles of pages, and what is said of what is bad."""
    found = []
    for raw in read_pages(path, workers):
        made = parse_page(raw) if isinstance(raw, RawPage) else raw
        found.append(f"{made.line}: {made.message}" if isinstance(made, Bad) else made.title)
    return found


def test_the_fields_of_a_page(tmp_path: Path) -> None:
    path = written(tmp_path, dump(*PAGES, page(4, "D", "x", 4, redirect="E")))
    raws = list(read_pages(path))
    assert [parse_page(raw) for raw in raws if isinstance(raw, RawPage)] == [
        Page("1", "A & B", "0", "19", False, "One <ref>x</ref> &nbsp;"),
        Page("2", "Ü", "0", "29", False, "\nTwo\n\n日本"),
        Page("3", "C", "0", "39", False, ""),
        Page("4", "D", "4", "49", True, "x"),
    ]
    lines = path.read_text().split("\n")
    for raw in raws:
        assert lines[raw.line - 1] == "  </page>"
    assert len({raw.line for raw in raws}) == 4


def test_the_last_revision_counts() -> None:
    xml = """<page><title>A</title><id>1</id>
    <revision><id>5</id><text>old</text></revision>
    <revision><id>6</id><text>new<!-- comment --><![CDATA[ & <x>]]></text></revision></page>"""
    assert parse_page(RawPage(xml.encode(), 3)) == Page("1", "A", "", "6", False, "new & <x>")


@pytest.mark.parametrize("workers", [1, 3])
def test_packed_files(workers: int, tmp_path: Path) -> None:
    plain = dump(*PAGES)
    titles = ["A & B", "Ü", "C"]
    multistream = b"".join(bz2.compress(plain[at : at + 300]) for at in range(0, len(plain), 300))
    for name, content in {
        "a.xml": plain,
        "a.xml.gz": gzip.compress(plain),
        "a.xml.xz": lzma.compress(plain),
        "a.xml.bz2": bz2.compress(plain),
        "b.xml.bz2": multistream,
    }.items():
        assert told(written(tmp_path, content, name), workers) == titles


def broken(change: str) -> bytes:
    return dump(PAGES[0], page(8, "Bad", "x").replace(*change.split("→")), PAGES[1])


NOT_XML = "page 'Bad': not XML (not well-formed (invalid token))"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("</text>→", "page 'Bad': not XML (mismatched tag)"),
        ("<text →<text <", NOT_XML),
        (">x<→>\x00<", NOT_XML),
        (">x<→>&lol9;<", "page 'Bad': not XML (undefined entity)"),
        (">x<→><!DOCTYPE a><", NOT_XML),
        ("<id>8</id>→", "a page without id or title, 'Bad'"),
        ("<title>Bad</title>→", "a page without id or title, '8'"),
    ],
)
def test_a_bad_page_spoils_no_other(change: str, message: str, tmp_path: Path) -> None:
    found = told(written(tmp_path, broken(change)))
    assert (found[0], found[2:]) == ("A & B", ["Ü"])
    assert found[1].split(": ", 1)[1] == message


def test_the_line_of_what_is_not_xml(tmp_path: Path) -> None:
    path = written(tmp_path, broken(">x<→>\n\n&none;<"))
    [bad] = [text for text in told(path) if "not XML" in text]
    assert "&none;" in path.read_text().split("\n")[int(bad.split(":")[0]) - 1]


def test_not_utf_8(tmp_path: Path) -> None:
    content = dump(*PAGES).replace("日".encode(), b"\xff\xfe")
    assert [text.partition(": ")[2] or text for text in told(written(tmp_path, content))] == [
        *("A & B", "page 'Ü': not XML (not well-formed (invalid token))", "C")
    ]


OPEN_PAGE = page(1, "A", "a").replace("</page>", "")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ["1: not a MediaWiki export: no <mediawiki>"]),
        (b"\x00\xff" * 99, ["1: not a MediaWiki export: no <mediawiki>"]),
        (dump(), []),
        (dump(end=""), ["7: the file ends without </mediawiki>; is it truncated?"]),
        (dump(end="</mediawiki>x"), ["8: something else after </mediawiki>"]),
        (page(1, "A", "a").encode() + b"</mediawiki>", ["1: not a MediaWiki export: no <med", "A"]),
        (dump(page(1, "A", "a"), end="<pa"), ["A", "18: the file ends without </mediawiki>;"]),
        (dump(page(1, "A", "a"), end="</mediawiki>\n\n?"), ["A", "20: something else after"]),
        (dump("</page>\n", page(1, "A", "a")), ["8: a </page> without <page>", "A"]),
        (dump(page(1, "A", "a"), "x\n</page>\n"), ["A", "19: a </page> without <page>"]),
        (dump(page(1, "A", "a"), "x\n", page(2, "B", "b")), ["A", "19: something else", "B"]),
        (dump(OPEN_PAGE, page(2, "B", "b")), ["18: a <page> without </page>", "B"]),
        (dump(PAGES[2], OPEN_PAGE, page(2, "B", "b")), ["C", "28: a <page> without </page>", "B"]),
    ],
)  # fmt: skip
def test_what_else_can_be_wrong(content: bytes, expected: list[str], tmp_path: Path) -> None:
    found = told(written(tmp_path, content))
    assert len(found) == len(expected)
    for text, start in zip(found, expected, strict=True):
        assert text.startswith(start)


def test_entities_that_multiply_are_never_read(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "' + "&a;" * 99 + '">]>\n'
    content = bomb.encode() + dump(page(1, "A", "x").replace(">x<", ">&b;<"), PAGES[1])
    assert told(written(tmp_path, content)) == ["16: page 'A': not XML (undefined entity)", "Ü"]


@pytest.mark.parametrize("packed", ["a.xml", "a.xml.bz2", "a.xml.gz", "a.xml.xz"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_truncated_file(packed: str, workers: int, tmp_path: Path) -> None:
    rng = random.Random(1)
    many = [page(n, f"T{n}", rng.randbytes(1500).hex()) for n in range(400)]
    compress = {".bz2": bz2.compress, ".gz": gzip.compress, ".xz": lzma.compress}
    plain = dump(*many)
    whole = compress.get(Path(packed).suffix, bytes)(plain)
    found = told(written(tmp_path, whole[: len(whole) * 3 // 4], packed), workers)
    assert found[:100] == [f"T{n}" for n in range(100)]
    assert len(found) < 400
    assert "truncated" in found[-1]
    assert not any("truncated" in text for text in found[:-1])


@pytest.mark.parametrize("before", [b"", PAGES[0].encode()])
def test_a_page_that_is_too_large(
    before: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mediawiki_xml, "PAGE_LIMIT", 2 << 20)
    large = page(7, "Large", "line\n" * 2_000_000)
    content = HEAD.encode() + before + large.encode() + "".join([*PAGES, "</mediawiki>"]).encode()
    path = written(tmp_path, content)
    del content, large
    tracemalloc.start()
    found = told(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [text for text in found if ":" not in text] == ["A & B"] * bool(before) + [
        *("A & B", "Ü", "C")
    ]
    [bad] = [text for text in found if ":" in text]
    assert "more than 2 MiB without </page>" in bad
    assert peak < 12 << 20
    last = [raw for raw in read_pages(path) if isinstance(raw, RawPage)][-1]
    assert last.line == path.read_bytes().count(b"\n")


def test_a_stream_without_an_end_does_not_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mediawiki_xml, "PAGE_LIMIT", 2 << 20)
    path = written(tmp_path, bz2.compress(b" " * (64 << 20)), "a.xml.bz2")
    tracemalloc.start()
    found = told(path)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    assert len(found) == 2


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        told(tmp_path / "none.xml.bz2")


# bzip2, block by block


@given(st.integers(0, 2**32), st.integers(0, 400_000), st.sampled_from([1, 2, 9]), st.booleans())
@settings(max_examples=15, deadline=None)
def test_blocks_are_the_file(
    tmp_path_factory: pytest.TempPathFactory, seed: int, size: int, level: int, streams: bool
) -> None:
    data = bytes(random.Random(seed).choices(b"abcdefgh\n <>", k=size))
    cut = size // 3 if streams else size
    packed = bz2.compress(data[:cut], level) + bz2.compress(data[cut:], level)
    path = written(tmp_path_factory.mktemp("bz2"), packed, "a.bz2")
    assert b"".join(read_bz2(path, 3)) == data
    assert b"".join(read_bz2(path, 1)) == data


def test_a_block_magic_by_chance_is_overcome(tmp_path: Path) -> None:
    """What looks like a block's beginning inside of one: the plain way takes over."""
    from qa_bench.formats import mediawiki_xml_bz2

    data = bytes(random.Random(2).choices(range(256), k=300_000))
    path = written(tmp_path, bz2.compress(data, 1), "a.bz2")
    real = mediawiki_xml_bz2._magics
    try:
        mediawiki_xml_bz2._magics = lambda held, start: sorted(
            [*real(held, start), (8 * 150_000, mediawiki_xml_bz2._BLOCK)] if not start else []
        )
        assert b"".join(read_bz2(path, 2)) == data
    finally:
        mediawiki_xml_bz2._magics = real


@pytest.mark.parametrize("at", [3, 5000, 200_000, -3])
def test_damage_is_told(at: int, tmp_path: Path) -> None:
    data = bytes(random.Random(3).choices(range(256), k=400_000))
    packed = bytearray(bz2.compress(data, 1))
    packed[at] ^= 0x55
    path = written(tmp_path, bytes(packed), "a.bz2")
    got = b""
    with pytest.raises((OSError, EOFError, ValueError)):  # noqa: PT012
        for piece in read_bz2(path, 2):
            got += piece
        if got == data:
            raise EOFError  # only the checksum of the whole was hit, which blocks do not need
    assert data.startswith(got)


# Anything at all

REAL = dump(*PAGES, page(5, "E", "{{a|[[b]]}}", 0, redirect="F"), page(6, "G", "x" * 300))


@given(
    st.lists(
        st.tuples(st.integers(0, len(REAL) - 1), st.integers(0, 40), st.binary(max_size=12)),
        max_size=6,
    ),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read(
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[tuple[int, int, bytes]],
    packed: bool,
) -> None:
    content = bytearray(bz2.compress(REAL) if packed else REAL)
    for start, length, instead in changes:
        content[start : start + length] = instead
    path = tmp_path_factory.getbasetemp() / ("any.xml.bz2" if packed else "any.xml")
    path.write_bytes(bytes(content))
    found = told(path, workers=2)
    assert len(found) <= len(PAGES) + 8
