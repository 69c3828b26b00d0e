"""The nouns of the harness: immutable records that travel between parts and stages."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from qa_bench.errors import UserError
from qa_bench.settings import flag, whole_number

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
from collections.abc import Iterable

Match = Literal["string", "regex", "qrels"]

Qrels = Mapping[str, Mapping[str, int]]
"""Grade of relevance by qid and pid; 0 is judged and not relevant, absent is not judged."""


class Article(NamedTuple):
    """A page before chunking: ``text`` holds the whole article.

    Of a ready-made passage, ``source`` may be the id of the article that it was cut from.
    """

    id: str
    title: str
    text: str
    source: str = ""


class Passage(NamedTuple):
    """A piece of an article, the unit that is indexed, retrieved and read.

    ``pid`` is empty while a chunker makes passages of an article: the store numbers them then,
    from "1" in corpus order, as DPR's psgs_w100 does.
    """

    pid: str
    title: str
    text: str


class Question(NamedTuple):
    """A question and its gold answers; patterns where the match is "regex", none for "qrels"."""

    qid: str
    text: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class QuestionSet:
    """The questions of one split, in the order of the official file.

    Attributes:
        name: the set, as in ``conf/dataset``.
        split: train, dev, test or sample.
        match: how gold answers are compared; "qrels" where the set has judgements instead.
        questions: the questions.
        digest: content hash of the ordered (question, answers) pairs, or of judgements for answers.
        published: whether count and digest are those of the published split; None when unknown.
        remark: what a reader of its figures must know, if anything.
        qrels: which passages are relevant, where passages were judged instead of answers given.
        beside: passages whose vectors a bi-encoder averages with the question's; may be empty.
        titles: of the articles that answer, a tuple a question; empty where the set tells none.
        rest: those of the split that ``dataset.limit`` leaves out.
        groups: what each question was drawn with, such as its article; empty where none is known.
    """

    name: str
    split: str
    match: Match
    questions: tuple[Question, ...]
    digest: str
    published: bool | None = None
    remark: str = ""
    qrels: Qrels | None = None
    beside: tuple[tuple[str, ...], ...] = ()
    titles: tuple[tuple[str, ...], ...] = ()
    rest: tuple[Question, ...] = field(default=(), repr=False)
    groups: tuple[str, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        """Number of questions: the denominator of every metric."""
        return len(self.questions)

    def __iter__(self) -> Iterator[Question]:
        """The questions in order."""
        return iter(self.questions)


class Hit(NamedTuple):
    """One passage of a run.

    Attributes:
        pid: the passage.
        rank: its rank, from 1.
        score: what the retriever gave.
        row: the passage's place in the corpus; -1 where the run came from elsewhere.
    """

    pid: str
    rank: int
    score: float
    row: int = -1


@dataclass(frozen=True)
class Run:
    """Ranked hits for all questions of a set.

    ``table`` has one row a hit, questions in the set's order, ranks ascending from 1:
    ``qid`` (string), ``rank`` (int32), ``pid`` (string), ``score`` (float32), and ``row`` (int32),
    the passage's place in the corpus, unless the run came from elsewhere: nobody then looks the pid
    up. Between a file and a fusion the strings stay dictionary-encoded, nowhere else. A question
    without hits has no row; it still counts in every metric.
    """

    table: pa.Table

    def __len__(self) -> int:
        """Number of hits."""
        return int(self.table.num_rows)

    @classmethod
    def of(
        cls, qids: Sequence[str], pids: Sequence[Sequence[str]], scores: Sequence[Sequence[float]]
    ) -> Run:
        """Build a run from each question's pids and scores, best first.

        Raises:
            UserError: other numbers of pids than of questions or of scores.
        """
        import pyarrow as pa

        flat = pa.array([pid for ranked in pids for pid in ranked], pa.string())
        return cls._built(qids, [len(ranked) for ranked in pids], {"pid": flat}, scores)

    @classmethod
    def of_rows(
        cls,
        qids: Sequence[str],
        rows: Sequence[np.ndarray],
        scores: Sequence[np.ndarray],
        pids: Callable[[np.ndarray], pa.Array],
    ) -> Run:
        """Build a run from each question's passage rows and scores, best first.

        ``pids`` looks all rows up at once, see ``Passages.pids``.

        Raises:
            UserError: rows that ``pids`` has none for, or numbers that do not agree.
        """
        import numpy as np
        import pyarrow as pa

        flat = np.concatenate(rows) if rows else np.array([], dtype=np.int64)
        columns = {"pid": pids(flat), "row": pa.array(flat.astype(np.int32))}
        return cls._built(qids, [len(ranked) for ranked in rows], columns, scores)

    @classmethod
    def _built(
        cls,
        qids: Sequence[str],
        counts: list[int],
        passages: Mapping[str, pa.Array],
        scores: Sequence[Any],
    ) -> Run:
        import numpy as np
        import pyarrow as pa

        if not len(qids) == len(counts) == len(scores):
            raise UserError(
                f"a run: {len(qids)} questions, {len(counts)} lists of passages and {len(scores)} "
                "of scores: each question needs one of either"
            )
        for qid, count, several in zip(qids, counts, scores, strict=True):
            if len(several) != count:
                raise UserError(
                    f"a run: question '{qid}' has {count} passages and {len(several)} scores"
                )
        if len(passages["pid"]) != sum(counts):
            raise UserError(f"a run: {sum(counts)} rows, {len(passages['pid'])} pids of them")
        owners = np.repeat(np.arange(len(qids)), counts)
        none = np.zeros(0, dtype=np.int32)
        ranks = np.concatenate([none, *(np.arange(1, n + 1) for n in counts)])
        values = np.concatenate([none, *(np.asarray(s, dtype=np.float32) for s in scores)])
        return cls(
            pa.table(
                {
                    "qid": pa.array(list(qids), pa.string()).take(pa.array(owners)),
                    "rank": pa.array(ranks.astype(np.int32)),
                    "pid": passages["pid"],
                    "score": pa.array(values.astype(np.float32)),
                    **passages,
                }
            )
        )

    def hits(self, qid: str) -> list[Hit]:
        """A question's hits, best first; none where there are none."""
        import pyarrow.compute as pc

        rows = self.table.filter(pc.field("qid") == qid).to_pylist()
        return [Hit(r["pid"], r["rank"], r["score"], r.get("row", -1)) for r in rows]

    def slices(self) -> dict[str, slice]:
        """The rows of ``table`` that hold each question's hits, by qid."""
        import numpy as np

        encoded = self.table.column("qid").combine_chunks().dictionary_encode()
        if not len(encoded):
            return {}
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        starts = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
        ends = np.append(starts[1:], len(codes))
        names = encoded.dictionary.to_pylist()
        return {names[codes[a]]: slice(int(a), int(b)) for a, b in zip(starts, ends, strict=True)}


@dataclass(frozen=True)
class Runtime:
    """What may change how long a run takes, never what it yields. Recorded, never hashed.

    Attributes:
        threads: worker threads; 0 means one a core.
        java_heap: the JVM's largest heap, in the JVM's notation ("2g").
        device: auto (every GPU, else the CPU), cpu, cuda, cuda:1, mps.
        batch_size: passages encoded at once on one device; 0 leaves it to the device.
        progress: show progress bars on a terminal.
    """

    threads: int = 0
    java_heap: str = "2g"
    device: str = "auto"
    batch_size: int = 0
    progress: bool = True

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: one is out of range.
        """
        whole_number("runtime.threads", self.threads, 0)
        whole_number("runtime.batch_size", self.batch_size, 0)
        flag("runtime.progress", self.progress)
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", str(self.device)):
            raise UserError(
                f"runtime.device: auto, cpu, cuda, cuda:<number> or mps, got '{self.device}'"
            )
        if not re.fullmatch(r"\d+[kKmMgG]?", str(self.java_heap)):
            raise UserError(f"runtime.java_heap: a size such as 2g, got '{self.java_heap}'")

    @property
    def heap_mb(self) -> int:
        """``java_heap`` in MiB."""
        number, unit = re.fullmatch(r"(\d+)([kKmMgG]?)", self.java_heap).groups()  # type: ignore[union-attr]
        return int(number) * {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}[unit.lower()] >> 20

    @property
    def workers(self) -> int:
        """Threads to start: ``threads``, or the processors this process may use."""
        return self.threads or len(os.sched_getaffinity(0))


class Heading(NamedTuple):
    """What a table calls a column of values, and how it shows them.

    Attributes:
        title: the header.
        unit: "%" for fractions, shown as per cents; otherwise the values' own.
        lower: whether the lower value is the better one.
    """

    title: str
    unit: str = "%"
    lower: bool = False


class Load(NamedTuple):
    """How much a plan reckons with: passages of the corpus, questions of the set."""

    passages: float
    questions: int


class Step(NamedTuple):
    """What a stage will take, by ``qa-bench plan``: disk in bytes, time in seconds.

    None for a time that is not known.
    """

    name: str
    disk: float
    seconds: float | None
    memory: str


@dataclass(frozen=True)
class Folder:
    """A finished stage: where it lies, what identifies it, and its manifest."""

    path: Path
    key: str
    manifest: dict[str, Any] = field(repr=False)
    reused: bool = False


class Search(NamedTuple):
    """A text to search with for every question of a set, in order.

    Attributes:
        texts: instead of the questions' own.
        beside: passages whose vectors are averaged with the question's, a tuple a question; empty
            where there are none. Only bi-encoders can search with them.
    """

    texts: tuple[str, ...]
    beside: tuple[tuple[str, ...], ...] = ()


class Reply(NamedTuple):
    """What a model made of one prompt.

    Attributes:
        text: the reply; empty where it failed.
        prompt_tokens: tokens the model read; 0 where a server does not tell.
        completion_tokens: tokens it wrote; 0 where a server does not tell.
        error: why there is no reply, in one line; None where there is one.
    """

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: str | None = None


class Message(NamedTuple):
    """What user, assistant or system (``role``) say in a dialogue with a language model."""

    role: str
    text: str


Prompt = str | tuple[Message, ...]
"""What a language model is given: one text, or a dialogue that ends with the user."""


class Request(NamedTuple):
    """A prompt; and where replies are drawn, the how manieth draw it is, from 0."""

    prompt: Prompt
    draw: int = 0


class Answers(list[str]):
    """A reader's answers, with those that failed and what they cost.

    Attributes:
        failed: question's place in the set to why it has no answer. Its answer is empty.
        costs: counts for the manifest, such as tokens.
        cited: question's place to the ranks of the passages, from 1, that its answer names.
    """

    def __init__(
        self,
        answers: Iterable[str],
        failed: dict[int, str] | None = None,
        costs: dict[str, int] | None = None,
        cited: dict[int, list[int]] | None = None,
    ) -> None:
        """Keep them."""
        super().__init__(answers)
        self.failed = failed or {}
        self.costs = costs or {}
        self.cited = cited or {}

    @classmethod
    def of(cls, answers: list[str]) -> Answers:
        """What a reader returned: these, or plain answers, of which none failed."""
        return answers if isinstance(answers, cls) else cls(answers)


def tokens(replies: Iterable[Reply]) -> dict[str, int]:
    """The tokens of all replies, whether the model made them just now or they were kept."""
    read = wrote = 0
    for reply in replies:
        read += reply.prompt_tokens
        wrote += reply.completion_tokens
    return {"prompt_tokens": read, "completion_tokens": wrote}
