from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qa_bench.formats.dpr_training as module
from qa_bench.errors import DataError
from qa_bench.formats import json_entries, lines
from qa_bench.formats.dpr_training import Example, TrainingPassage, read_examples, write_examples
from qa_bench.types import Passage

GOLD = TrainingPassage(Passage("7", "Bridge", 'Designed by "Clara Holm".'), 1000, 1)
FOUND = TrainingPassage(Passage("x-9", "", "Naïve ]}, [text\u2028"), 13.394315)
EXAMPLES = [
    Example("nq_train", "who designed it", ["Clara Holm", "Holm"], [GOLD, FOUND], [], [FOUND]),
    Example("nq_train", "when", ["1887"], [FOUND], [TrainingPassage(Passage("1", "T", "t"))], []),
]
PATTERNS = Example("trec_train", "when", [r"18\d+"], [FOUND], [], [], match="regex")


def text_of(examples: list[Example]) -> str:
    file = io.StringIO()
    assert write_examples(file, examples) == len(examples)
    return file.getvalue()


@pytest.fixture(params=[1, 7, 1 << 20])
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read files byte by byte, in small pieces, at once."""
    monkeypatch.setattr(lines, "BLOCK", request.param)


def read(path: Path, text: str | bytes) -> list[Example]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_examples(path))


def test_the_format_is_dprs() -> None:
    first = json.loads(text_of(EXAMPLES))[0]
    assert list(first) == [
        "dataset", "question", "answers", "positive_ctxs", "negative_ctxs", "hard_negative_ctxs",
    ]  # fmt: skip
    assert first["positive_ctxs"][0] == {
        "title": "Bridge",
        "text": 'Designed by "Clara Holm".',
        "score": 1000,
        "title_score": 1,
        "passage_id": "7",
    }


def test_answers_that_are_patterns_say_so(tmp_path: Path) -> None:
    text = text_of([PATTERNS])
    assert json.loads(text)[0]["match"] == "regex"
    assert read(tmp_path / "a.json", text) == [PATTERNS]
    with pytest.raises(DataError, match=r"example 1 .* match must be string or regex"):
        read(tmp_path / "b.json", text.replace('"regex"', '"qrels"'))


@pytest.mark.usefixtures("pieces")
def test_there_and_back(tmp_path: Path) -> None:
    assert read(tmp_path / "a.json", text_of(EXAMPLES)) == EXAMPLES
    assert read(tmp_path / "b.json.gz", gzip.compress(text_of(EXAMPLES).encode())) == EXAMPLES
    pretty = json.dumps(json.loads(text_of(EXAMPLES)), indent=4)
    assert read(tmp_path / "c.json", f"\n {pretty}\n\n") == EXAMPLES
    assert read(tmp_path / "d.json", "[]") == read(tmp_path / "d.json", text_of([])) == []


@given(
    st.lists(
        st.builds(
            Example,
            st.just("d"),
            st.text(st.characters(exclude_categories=["Cs"])),
            st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=2),
            st.lists(
                st.builds(TrainingPassage, st.just(FOUND.passage), st.floats(-99, 99)), max_size=2
            ),
            st.just([]),
            st.just([]),
        ),
        max_size=3,
    ),
    st.integers(1, 40),
)
def test_there_and_back_in_any_pieces(examples: list[Example], size: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", size)
        assert read(Path(folder) / "a.json", text_of(examples)) == examples


def test_older_names_of_the_passage(tmp_path: Path) -> None:
    text = (
        text_of(EXAMPLES[1:])
        .replace("passage_id", "psg_id")
        .replace('"title": ""', '"title": null')
    )
    assert read(tmp_path / "a.json", text) == EXAMPLES[1:]


def test_examples_come_before_the_end_is_seen(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(lines, "BLOCK", 64)
    path = tmp_path / "a.json"
    path.write_text(text_of(EXAMPLES)[:-20])
    examples = read_examples(path)
    assert next(examples) == EXAMPLES[0]
    with pytest.raises(DataError, match="not JSON, or cut off"):
        next(examples)


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ('{"a": 1}', "expected a JSON list of examples"),
        ("[", "cut off"),
        ("[{}", "example 1 is not one of DPR's"),
        ("[1, 2]", "example 1 is not one of DPR's"),
        ("[nonsense]", "not JSON, or cut off"),
        (text_of(EXAMPLES)[:-3], "cut off: the list does not end"),
        (text_of(EXAMPLES) + "x", "something follows the end of the list"),
        (text_of(EXAMPLES).replace("},\n{", "}\n{"), "expected a comma"),
        (text_of(EXAMPLES).replace('"passage_id": "1"', '"id": "1"'), "example 2 .*psg_id"),
        (text_of(EXAMPLES).replace('["1887"]', '"1887"'), "example 2 .*answers must be a list"),
        (text_of(EXAMPLES).replace('["1887"]', "[1887]"), "example 2"),
        (text_of(EXAMPLES).replace("Bridge", "\\ud800"), ":2: holds half a surrogate pair"),
        (b'[{"dataset": "\xff', "not UTF-8"),
    ],
)
def test_wrong_files(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(tmp_path / "a.json", text)


def test_a_file_that_goes_on_and_on_is_given_up(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(json_entries, "LINE_LIMIT", 1000)
    monkeypatch.setattr(json_entries, "BLOCK", 100)
    monkeypatch.setattr(lines, "BLOCK", 100)
    sizes: list[int] = []
    real = json_entries._pieces

    def counted(path: Path) -> Iterator[str]:
        for piece in real(path):
            sizes.append(len(piece))
            yield piece

    monkeypatch.setattr(json_entries, "_pieces", counted)
    with pytest.raises(DataError, match="not JSON, or an entry of more"):
        read(tmp_path / "a.json", '[{"question": "' + "x" * 100_000)
    assert sum(sizes) < 5000


def test_a_truncated_archive(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="corrupt or truncated"):
        read(tmp_path / "a.json.gz", gzip.compress(text_of(EXAMPLES * 99).encode())[:-30])


@pytest.mark.shared
def test_dprs_own_file(shared: Path) -> None:
    path = shared / "data/dpr_rows/biencoder-nq-dev.first5.json.gz"
    examples = list(read_examples(path))
    assert [len(e.positives) for e in examples] == [5, 6, 3, 1, 7]
    assert {len(e.negatives) for e in examples} == {50}
    assert [len(e.hard_negatives) for e in examples] == [96, 95, 98, 100, 94]
    assert all(e.positives[0].score == module.GOLD_SCORE for e in examples)
    assert json.loads(text_of(examples)) == json.loads(gzip.decompress(path.read_bytes()))
