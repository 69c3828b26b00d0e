"""Mutated files of every reader: each is read, or refused in a ``UserError``, and soon.

By hand: ``python tests/mutation.py --inputs 200000 [--seed 0] [--only trec]``. It ends
with status 1 if any input did something else, and leaves those inputs in ``--keep``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qa_bench.dataset.beir import BeirSplit
from qa_bench.dataset.question_file import QuestionFile
from qa_bench.errors import UserError
from qa_bench.formats import json_entries, lines
from qa_bench.formats.beir import read_documents
from qa_bench.formats.dpr_training import read_examples
from qa_bench.formats.gold import read_gold
from qa_bench.formats.mediawiki_xml import parse_page, read_pages
from qa_bench.formats.predictions import read_predictions
from qa_bench.formats.psgs_tsv import read_passages
from qa_bench.formats.runs import read_run_file
from qa_bench.types import Question, QuestionSet

SECONDS = 5
"""What one input may take: they are small."""

QUESTIONS = QuestionSet(
    "own",
    "test",
    "string",
    tuple(Question(f"q{n}", f"who is {n}", (f"answer {n}",)) for n in range(3)),
    digest="0" * 64,
)


@dataclass(frozen=True)
class Kind:
    """A reader and small files that it reads."""

    name: str
    read: Callable[[Path], object]
    seeds: list[bytes]


def _questions(path: Path) -> object:
    return QuestionFile("own", "string", "test", path=str(path)).questions()


def _patterns(path: Path) -> object:
    columns = {"question": "query", "answers": "gold.text"}
    return QuestionFile("own", "regex", "test", path=str(path), columns=columns).questions()


def _all(read: Callable[[Path], Iterable[object]]) -> Callable[[Path], object]:
    return lambda path: list(read(path))


def _run(path: Path) -> object:
    return read_run_file(path, QUESTIONS)


def _predictions(path: Path) -> object:
    return read_predictions(path, QUESTIONS)


def _qrels(path: Path) -> object:
    folder = path.parent / "beir"
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    queries = "".join(json.dumps({"_id": f"q{n}", "text": "who"}) + "\n" for n in range(3))
    (folder / "queries.jsonl").write_text(queries)
    path.replace(folder / "qrels" / "test.tsv")
    return BeirSplit("own", "test", str(folder)).questions()


def _queries(path: Path) -> object:
    folder = path.parent / "beir"
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tp1\t1\n")
    path.replace(folder / "queries.jsonl")
    return BeirSplit("own", "test", str(folder)).questions()


def _pages(path: Path) -> object:
    return [parse_page(page) if hasattr(page, "xml") else page for page in read_pages(path)]


def _lines(*rows: object) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


_SQUAD = {
    "version": "1.1",
    "data": [
        {
            "title": "A_b",
            "paragraphs": [
                {
                    "context": "It is Röm.",
                    "qas": [{"id": "x", "question": "who?", "answers": [{"text": "Röm"}]}],
                }
            ],
        }
    ],
}
_CONTEXTS = [
    {"id": "p1", "title": "T", "text": "answer 1", "score": "2.5"},
    {"id": 2, "title": "", "text": "two", "score": 1},
]
_DPR = [
    {"question": f"who is {n}", "answers": [f"answer {n}"], "ctxs": _CONTEXTS[: n + 1]}
    for n in range(2)
]
_FID = [
    {**row, "ctxs": [{k: v for k, v in c.items() if k != "score"} for c in row["ctxs"]]}  # type: ignore[attr-defined, union-attr]
    for row in _DPR
]
_PYSERINI = {
    "0": {"question": "who is 0", "contexts": [{"docid": "p", "score": "1.5", "text": "T\nx"}]},
    "2": {"question": "who is 2", "contexts": [{"docid": "q", "score": 1, "text": "x"}]},
}
_KILT = [
    {
        "id": f"q{n}",
        "input": f"who is {n}",
        "output": [{"answer": "a", "provenance": [{"wikipedia_id": "7", "title": "T"}]}],
    }
    for n in range(2)
]
_READER = [
    {
        "question": "who is 1",
        "gold_answers": ["answer 1"],
        "predictions": [{"top_k": 50, "prediction": {"text": "one", "score": 1.5}}],
    }
]
_FLASHRAG = [
    {"id": "t0", "question": "who is 0", "golden_answers": ["a"], "output": {"pred": "zero"}}
]
_LM_EVAL = [
    {"doc_id": 1, "doc": {"question": "who is 1"}, "target": "a", "resps": [["x"]],
     "filtered_resps": ["x"]},
]  # fmt: skip
_OURS = [{"id": "q0", "prediction": "a"}, {"id": "q1", "prediction": ""}]
_TRAINING = [
    {
        "dataset": "d",
        "question": "who",
        "answers": ["a"],
        "positive_ctxs": [
            {"title": "T", "text": "x", "score": 1000, "title_score": 1, "passage_id": "1"}
        ],
        "negative_ctxs": [],
        "hard_negative_ctxs": [{"title": None, "text": "y", "score": 0.5, "psg_id": 7}],
    }
] * 2
_XML = (
    b'<mediawiki xmlns="x" version="0.10" xml:lang="en">\n<siteinfo />'
    b"\n<page><title>A &amp; b</title><ns>0</ns><id>7</id><revision><id>9</id>"
    b"<text xml:space='preserve'>'''A''' is [[b|c]] &lt;ref&gt;x&lt;/ref&gt; {{d|e}}</text>"
    b"</revision></page>\n<page><title>C</title><ns>0</ns><id>8</id><redirect title='A' />"
    b"<revision><id>1</id><text /></revision></page>\n</mediawiki>\n"
)

KINDS = [
    Kind(
        "questions.csv",
        _questions,
        [
            'who’s it\t[\'Röm\', "it\'s"]\n"say ""x"""\t["a", \'b\']\nthree\t[1999]\n'.encode(),
            b'id,question,answers\n1,"who, one","[""a"", ""b""]"\n2,who two,Oslo\n',
            b"question;answer\nwho;['a']\n",
        ],
    ),
    Kind(
        "questions.tsv",
        _patterns,
        [b"query\tgold.text\tid\nwho\t['a.*']\t1\nwhat\t[sic]\t2\n"],
    ),
    Kind(
        "questions.jsonl",
        _questions,
        [
            _lines(
                {"id": "a", "question": "who", "answers": ["Röm", 1999, 3.1]},
                {"id": 2, "question": "what", "answer": "['a', 'b']"},
                {"id": "c", "question": "when", "answers": '["a"]'},
            )
        ],
    ),
    Kind("columns.jsonl", _patterns, [_lines({"query": "who", "gold": {"text": ["a|b", "c"]}})]),
    Kind("squad.json", _questions, [_json(_SQUAD)]),
    Kind(
        "run.trec",
        _run,
        [b"q0 Q0 p1 1 2.5 t\nq1 Q0 p2 1 1e3 t\n", b"0 Q0 p 1 2 t\n2 Q0 q 1 -1 t\n"],
    ),
    Kind("run.json", _run, [_json(_DPR), _json(_FID), _json(_PYSERINI), _json(_KILT)]),
    Kind("beir_run.json", _run, [_json({"q0": {"p1": 2.5, "p2": 1}, "q2": {"p1": 1e-3}})]),
    Kind("run.jsonl", _run, [_lines(*_DPR), _lines(*_FID), _lines(*_KILT)]),
    Kind("qrels.tsv", _qrels, [b"query-id\tcorpus-id\tscore\nq0\tp1\t1\nq1\tp2\t0\nq1\tp3\t-1\n"]),
    Kind(
        "queries.jsonl", _queries, [_lines({"_id": "q1", "text": "who"}, {"_id": 2, "text": "x"})]
    ),
    Kind(
        "corpus.jsonl",
        _all(read_documents),
        [_lines({"_id": "1", "title": "T", "text": "x"}, {"_id": 2, "text": ""})],
    ),
    Kind("predictions.jsonl", _predictions, [_lines(*rows) for rows in (_OURS, _KILT, _LM_EVAL)]),
    Kind(
        "predictions.json",
        _predictions,
        [_json({"q0": "a", "q2": "b"}), _json(_READER), _json(_FLASHRAG), _json(_OURS)],
    ),
    Kind(
        "gold.jsonl",
        lambda path: list(read_gold(path, lambda place: f"q{place}")),
        [
            _lines(
                {"id": "a", "title": "T", "context": "x"},
                {"article": "A_b%C3%A9", "paragraph": 2},
            )
        ],
    ),
    Kind(
        "gold.json",
        lambda path: list(read_gold(path, lambda place: f"q{place}")),
        [
            _json(_SQUAD),
            _json(
                {"data": [{"title": "T", "context": "x", "question": "q", "question_tokens": "q"}]}
            ),
        ],
    ),
    Kind(
        "psgs.tsv",
        _all(read_passages),
        ['id\ttext\ttitle\n1\t"a ""b"" é"\tT\n2\t"x\ny"\t"A B"\n3\tplain\t\n'.encode()],
    ),
    Kind("pages.xml", _pages, [_XML]),
    Kind("training.json", _all(read_examples), [_json(_TRAINING)]),
]

TOKENS = [
    *(b"", b"\n", b"\r\n", b"\r", b"\t", b'"', b'""', b"'", b"\\", b"\\ud800", b"\\u0000", b"\0"),
    *(b"{", b"}", b"[", b"]", b"[" * 3000, b'{"a":' * 3000, b",", b":", b"null", b"true", b"NaN"),
    *(b"Infinity", b"1e999", b"-1e39", b"9" * 5000, b"-0", b"0.1", b"[]", b"{}", b"[null]", b'"x"'),
    *("\ufeff".encode(), "\u2028".encode(), "é".encode(), b"\xff", b"\xed\xa0\x80", b"\xc3"),
    *(
        b"(" * 300,
        b"((((a+)+)+)+)+$",
        b"['a' 'b']",
        b"<page>",
        b"</page>",
        b"&#0;",
        b"&x;",
        b"<!--",
    ),
    *(b"{{" * 500, b"\x1f\x8b", b"q0", b"who is 1", b"answers", b"score", b"inf", b"nan", b"1_0"),
]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A few changes: bytes flipped, pieces cut, doubled, moved, or put in of what readers fear."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(made) + 1)
        to = min(len(made), at + chance.choice((0, 1, 1, 2, 5, 20, 200)))
        way = chance.randrange(8)
        if way == 0 and made:
            made[at % len(made)] = chance.randrange(256)
        elif way == 1:
            del made[at:to]
        elif way == 2:
            made[at:at] = made[at:to] * chance.choice((1, 2, 50))
        elif way == 3:
            other = chance.randrange(len(made) + 1)
            made[other:other] = made[at:to]
        elif way == 4:
            del made[at:]
        else:
            made[at : to if way == 5 else at] = chance.choice(TOKENS)
    return bytes(made)


ODD = (None, True, 0, -1, 1.5, 1e39, 10**400, "", " ", "x", "\ud800", "[1]", "['a' 'b']", [], {})
"""Values where others are meant."""


def reshaped(data: bytes, chance: random.Random) -> bytes:
    """JSON, whole or in lines, with a value of another type or a field less; others as they are."""
    try:
        return json.dumps(_reshaped(json.loads(data), chance)).encode()
    except ValueError:
        pass
    rows = data.splitlines()
    if not rows:
        return data
    at = chance.randrange(len(rows))
    try:
        rows[at] = json.dumps(_reshaped(json.loads(rows[at]), chance)).encode()
    except ValueError:
        return data
    return b"\n".join(rows)


def _reshaped(value: Any, chance: random.Random) -> Any:
    places: list[tuple[Any, Any]] = []
    todo = [value]
    while todo:
        node = todo.pop()
        keys = node if isinstance(node, dict) else range(len(node) if isinstance(node, list) else 0)
        places += [(node, key) for key in keys]
        todo += [node[key] for key in keys]
    for node, key in chance.sample(places, min(len(places), chance.choice((1, 1, 2)))):
        way = chance.random()
        if isinstance(node, dict) and way < 0.2:
            node.pop(key, None)
        elif isinstance(node, list) and way < 0.2:
            node.append(chance.choice(node))
        elif isinstance(node, dict) or key < len(node):
            inner = node.get(key) if isinstance(node, dict) else node[key]
            odd = chance.choice(ODD)
            node[key] = chance.choice(([inner], {"a": inner}, odd, odd, odd))
    return value


@dataclass
class Result:
    """What came of it.

    Attributes:
        read: inputs that were read, by kind.
        refused: inputs that were refused, by kind.
        faults: (kind, input, traceback) of what did something else.
    """

    read: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[str, bytes, str]] = field(default_factory=list)


def inputs(count: int, seed: int, kinds: list[Kind]) -> Iterator[tuple[Kind, bytes, bool]]:
    """(kind, content, whether it is packed), the same ones for a seed; first unchanged ones."""
    yield from ((kind, data, False) for kind in kinds for data in kind.seeds)
    chance = random.Random(seed)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        packed = chance.random() < 0.05
        data = chance.choice(kind.seeds)
        if chance.random() < 0.5:
            data = reshaped(data, chance)
        if not packed:
            yield kind, mutated(data, chance) if chance.random() < 0.6 else data, False
        elif chance.random() < 0.5:
            yield kind, gzip.compress(mutated(data, chance), 1), True
        else:
            yield kind, mutated(gzip.compress(data, 1), chance), True


def run(count: int, seed: int, folder: Path, kinds: list[Kind] = KINDS) -> Result:
    """Read so many mutated files, written into a folder."""
    result = Result()
    limits = (lines.LINE_LIMIT, json_entries.LINE_LIMIT)
    lines.LINE_LIMIT = json_entries.LINE_LIMIT = 1 << 20  # small inputs find it too
    before = signal.signal(signal.SIGALRM, _too_long)
    try:
        for kind, data, packed in inputs(count, seed, kinds):
            path = folder / (kind.name + (".gz" if packed else ""))
            path.write_bytes(data)
            _tried(kind, path, data, result)
    finally:
        signal.signal(signal.SIGALRM, before)
        lines.LINE_LIMIT, json_entries.LINE_LIMIT = limits
    return result


class TooLongError(BaseException):
    """An input took too long; nothing that is read catches this."""


def _too_long(number: int, frame: object) -> None:
    raise TooLongError(f"more than {SECONDS} s")


def _tried(kind: Kind, path: Path, data: bytes, result: Result) -> None:
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        kind.read(path)
        result.read[kind.name] += 1
    except UserError as error:
        result.refused[kind.name] += 1
        if not str(error) or len(str(error)) > 20_000:
            result.faults.append((kind.name, data, f"a message of {len(str(error))} characters"))
    except (Exception, TooLongError):
        result.faults.append((kind.name, data, traceback.format_exc()))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main(words: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="a part of a kind's name")
    parser.add_argument("--keep", type=Path, help="a folder for the inputs that went wrong")
    options = parser.parse_args(words)
    kinds = [kind for kind in KINDS if not options.only or options.only in kind.name]
    warnings.simplefilter("error")
    begun = time.perf_counter()
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # many small files, soon gone
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        result = run(options.inputs, options.seed, Path(folder), kinds)
    for kind in kinds:
        read, refused = result.read[kind.name], result.refused[kind.name]
        print(f"{kind.name:18} {read:8} read {refused:8} refused")
    causes: Counter[str] = Counter()
    for number, (name, data, trace) in enumerate(result.faults):
        cause = f"{name}: {trace.strip().splitlines()[-1][:120]}"
        causes[cause] += 1
        if causes[cause] == 1:
            print(f"\n{name}\n{trace}", file=sys.stderr)
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{number:05d}-{name}").write_bytes(data)
    for cause, times in causes.most_common():
        print(f"{times:6}  {cause}")
    total = sum((result.read + result.refused).values()) + len(result.faults)
    print(f"{total} inputs, {len(result.faults)} faults, {time.perf_counter() - begun:.0f} s")
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
