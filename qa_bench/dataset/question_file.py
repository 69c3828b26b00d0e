"""A question set that lies in a file: the five official sets, or your own.

An official file that is missing is downloaded when its questions are first asked for.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from qa_bench.dataset.groups import Groups
from qa_bench.dataset.limit import limited, rest
from qa_bench.errors import DataError, UserError
from qa_bench.fetch.sources import Requirement, get_or_explain, requirement, source
from qa_bench.formats.answers import look_like_patterns
from qa_bench.formats.columns import Columns
from qa_bench.formats.faults import Faults
from qa_bench.formats.folds import Fold
from qa_bench.formats.qa import READERS, Row, read_questions
from qa_bench.parts import Part
from qa_bench.settings import flag, one_of, whole_number
from qa_bench.text import straight_apostrophes
from qa_bench.types import Match, Question, QuestionSet

log = logging.getLogger(__name__)

_SETS: dict[str, QuestionSet] = {}
"""What was read last, by settings and files."""
_HELD = 8


def content_digest(
    questions: tuple[Question, ...], titles: tuple[tuple[str, ...], ...] = ()
) -> str:
    """sha256 over the ordered (question, answers) pairs: the same whatever the file's format.

    Where the set tells gold titles, they are the third of each pair.
    """
    state = hashlib.sha256()
    for place, (_, text, answers) in enumerate(questions):
        pair = [text, list(answers), *([list(titles[place])] if titles else [])]
        state.update(json.dumps(pair, ensure_ascii=True).encode() + b"\n")
    return state.hexdigest()


def _check(qid: str, text: str, answers: list[str], path: Path, line: int) -> None:
    """Whether a question can be asked and scored.

    Raises:
        DataError: no text, no answers, or half a surrogate pair.
    """
    if not qid.strip():
        raise DataError("a question has an empty id", path, line)
    if not text.strip():
        raise DataError(f"question '{qid}' has no text", path, line)
    if not any(answer.strip() for answer in answers):
        # One that is blank is no answer either: EM would count an empty prediction right.
        blank = " but blank ones" if answers else ""
        raise DataError(
            f"question '{qid}' has no answers{blank}: a set without gold answers cannot be scored",
            path,
            line,
        )
    try:
        "".join((qid, text, *answers)).encode()
    except UnicodeEncodeError:
        raise DataError(f"question '{qid}' holds half a surrogate pair", path, line) from None


class QuestionFile(Part):
    """Reads one split of a question set and compares it with what was published."""

    labels = frozenset({"groups"})  # they change what is said of figures, no figure
    later: ClassVar[Mapping[str, Any]] = {"fold": None}

    def __init__(
        self,
        name: str,
        match: Match,
        split: str,
        path: str | None = None,
        folder: str | None = None,
        splits: Mapping[str, Mapping[str, Any]] | None = None,
        dpr_apostrophes: bool = False,
        limit: int | None = None,
        columns: Mapping[str, str | None] | None = None,
        groups: Mapping[str, str | None] | None = None,
        fold: Sequence[float] | None = None,
    ) -> None:
        """Keep the settings; nothing is read yet.

        Args:
            name: the set.
            match: how its answers are compared, "string" or "regex".
            split: which split to read.
            path: the file; overrides ``folder`` and ``splits``.
            folder: where the splits' files lie.
            splits: by split: ``file`` (official name), ``count`` and ``sha256`` (content digest)
                as published; ``source``, the entry of ``fetch/sources.yaml`` it is downloaded
                from, or ``url``, where people find it; a split may have its own ``folder``.
            dpr_apostrophes: replace curly apostrophes in questions, as DPR does.
            limit: at most so many questions, spread evenly over the set.
            columns: where ``id``, ``question``, ``answers`` and ``titles`` (of the articles that
                answer) are, where it is not in columns of these names; ``answers.text`` is a
                field inside of a column.
            groups: what the questions were drawn with, see ``Groups``.
            fold: only questions whose group is part of this ``Fold``.

        Raises:
            UserError: an unknown match, column or field of ``groups``, a limit below 1, or no fold.
        """
        self.name, self._split = name, split
        self._match = one_of("dataset.match", match, ("string", "regex"))
        self._path, self._folder = path, folder
        self._splits = splits or {}
        self._dpr_apostrophes = flag("dataset.dpr_apostrophes", dpr_apostrophes)
        self._limit = whole_number("dataset.limit", limit, optional=True)
        self._columns, self._groups = Columns.of(columns), Groups(groups)
        self._fold = Fold.of("dataset.fold", fold)

    def _published(self) -> Mapping[str, Any]:
        if self._path is None and self._splits and self._split not in self._splits:
            names = ", ".join(self._splits)
            raise UserError(f"dataset {self.name} has no split '{self._split}': use one of {names}")
        return self._splits.get(self._split) or {}

    def file(self) -> Path:
        """The file that will be read, if it is there; nothing is downloaded.

        ``path`` if given; else the official file's name, or ``<split>.jsonl`` and the like, in
        ``folder`` (or the split's own folder).

        Raises:
            UserError: none of them is there; the message says what to get and where to put it.
        """
        if self._path is not None:
            return Path(self._path)
        if (path := self._local_file()) is None:
            raise UserError(self._missing())
        return path

    def _local_file(self) -> Path | None:
        """The first of the accepted names that is there."""
        for name in self._names():
            for candidate in (self._home() / name, self._home() / f"{name}.gz"):
                if candidate.exists():
                    return candidate
        return None

    def _names(self) -> list[str]:
        official = self._published().get("file")
        return [
            *([official] if official else []),
            *(f"{self._split}{suffix}" for suffix in READERS),
        ]

    def _home(self) -> Path:
        folder = self._published().get("folder") or self._folder
        if folder is None:
            raise UserError(f"dataset {self.name} needs dataset.path=<file>")
        return Path(folder)

    def _missing(self) -> str:
        published = self._published()
        named = published.get("source")
        url = source(named).address() if named else published.get("url")
        return (
            f"dataset {self.name} has no {self._split} file: put {self._names()[0]}"
            f"{f' from {url}' if url else ''} into {self._home()}, or set dataset.path=<file>"
        )

    def requirements(self) -> list[Requirement]:
        """What can be downloaded for the split: the official file, unless ``path`` names another.

        Raises:
            UserError: there is no such split.
        """
        named = self._published().get("source")
        if self._path is not None or named is None:
            return []
        entry = source(named)
        target = self._home() / PurePosixPath(entry.file).name
        what = f"{self.name} {self._split}"
        return [requirement(entry, target, what, present=self._local_file(), check=self.questions)]

    def questions(self) -> QuestionSet:
        """Read the split, downloaded first if its official file is missing.

        Raises:
            UserError: the file is missing and cannot be downloaded, an official set of patterns
                is to be compared as strings, or several faults in the file.
            DataError: anything wrong in the file: a question without text or answers, an id twice.
        """
        read = self._read()
        if read.remark:
            log.warning("WARNING: %s (%s)", read.remark, self._where())
        return read

    def _read(self) -> QuestionSet:
        """The split as it is in its files; those of the jobs of a multirun are read once."""
        for thing in self.requirements():
            if thing.present is None:
                get_or_explain(thing, self._missing())
        files = [self.file(), self._groups.path(*self._origin())]
        stamps = [(str(path), path.stat()) for path in files if path is not None and path.exists()]
        settings = {**vars(self), "_groups": vars(self._groups)}
        place = repr(
            (settings, [(name, at.st_mtime_ns, at.st_ctime_ns, at.st_size) for name, at in stamps])
        )
        if place not in _SETS:
            _SETS[place] = self._parsed()
            if len(_SETS) > _HELD:
                del _SETS[next(iter(_SETS))]
        return _SETS[place]

    def _origin(self) -> tuple[Path | str, str, str | None]:
        """What the rows are read from, their split and its official file of groups."""
        return self._where(), self._split, self._published().get("groups")

    def _parsed(self) -> QuestionSet:
        published = self._published()
        questions: list[Question] = []
        titles: dict[str, tuple[str, ...]] = {}
        with Faults() as faults:
            for (own_id, text, answers, line, titles_of), path in self._rows(faults):
                with faults.row:
                    qid = (
                        own_id
                        if own_id is not None
                        else f"{self.name}-{self._split}-{len(questions)}"
                    )
                    _check(qid, text, answers, path, line)
                    if qid in titles:
                        raise DataError(f"question id '{qid}' is there twice", path, line)
                    titles[qid] = titles_of
                    questions.append(Question(qid, text, tuple(answers)))
        if not questions:
            raise DataError("holds no question", self._where())
        every = whole = tuple(questions)
        official, remark = self._compare(published, whole)
        if doubt := self._doubt(whole):
            remark = f"{remark}; {doubt}" if remark else doubt
        whole, part = self._of_fold(whole)
        whole, cut = limited(whole, self._limit)
        for less in filter(None, (part, cut)):
            remark, official = f"{remark}; {less}" if remark else less, False
        if remark:
            remark = f"{self.name} {self._split}: {remark}"
        golds = tuple(titles[q.qid] for q in whole) if any(titles.values()) else ()
        digest = content_digest(whole, golds)
        if self._dpr_apostrophes:
            whole = tuple(q._replace(text=straight_apostrophes(q.text)) for q in whole)
        others = rest(every, whole)
        common = (self.name, self._split, self._match, whole, digest, official, remark)
        groups = self._groups.of(whole, *self._origin())
        return QuestionSet(*common, titles=golds, rest=others, groups=groups)

    def _of_fold(self, questions: tuple[Question, ...]) -> tuple[tuple[Question, ...], str]:
        """Those of the fold's articles, and what to say of it.

        Raises:
            UserError: nothing tells articles, or the fold has no question.
        """
        if self._fold is None:
            return questions, ""
        groups = self._groups.of(questions, *self._origin())
        if not groups:
            raise UserError(
                "dataset.fold: nothing tells which article a question is of: set "
                "dataset.groups.column or dataset.groups.file"
            )
        pairs = zip(questions, groups, strict=True)
        some = tuple(question for question, group in pairs if self._fold.holds(group))
        if not some:
            raise UserError(f"dataset.fold={self._fold}: no question is of such an article")
        return some, f"only {len(some)} of {len(questions)}, of the articles in fold {self._fold}"

    def _doubt(self, questions: tuple[Question, ...]) -> str:
        """What is doubtful of ``match``, if anything.

        Raises:
            UserError: the set is one of the official ones, whose patterns cannot be strings.
        """
        if self._match != "string" or not look_like_patterns([q.answers for q in questions]):
            return ""
        if self._splits and self._path is None:
            raise UserError(
                f"dataset.match=string: {self.name} has patterns as answers: dataset.match=regex"
            )
        return (
            "its answers look like patterns, and as strings (dataset.match=string) hardly any of "
            "them is ever found: are they for dataset.match=regex?"
        )

    def _rows(self, faults: Faults) -> Iterator[tuple[Row, Path]]:
        """The questions and their files, in order; wrong rows go to ``faults``."""
        path = self.file()
        for row in read_questions(path, self._columns, faults):
            yield row, path

    def _where(self) -> Path | str:
        """What the rows are read from, for messages."""
        return self.file()

    @staticmethod
    def _compare(
        published: Mapping[str, Any], questions: tuple[Question, ...]
    ) -> tuple[bool | None, str]:
        """Is it the published split, and what to say if not."""
        count, sha256 = published.get("count"), published.get("sha256")
        if count is not None and count != len(questions):
            return False, (
                f"{len(questions)} questions where {count} were published; its figures compare "
                "with no published ones"
            )
        if sha256 is None:
            return None, ""
        if content_digest(questions) != sha256:
            return False, (
                "the published number of questions, but other questions or answers than the "
                "official file"
            )
        return True, ""
