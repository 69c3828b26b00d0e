"""A question set that lies in a file: the five official sets, or your own."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qa_bench.errors import DataError, UserError
from qa_bench.formats.qa import READERS, read_questions
from qa_bench.text import straight_apostrophes
from qa_bench.types import Match, Question, QuestionSet

log = logging.getLogger(__name__)


def content_digest(questions: tuple[Question, ...]) -> str:
    """sha256 over the ordered (question, answers) pairs: the same whatever the file's format."""
    state = hashlib.sha256()
    for _, text, answers in questions:
        state.update(json.dumps([text, list(answers)], ensure_ascii=True).encode() + b"\n")
    return state.hexdigest()


class QuestionFile:
    """Reads one split of a question set and compares it with what was published."""

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
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep the settings; nothing is read yet.

        Args:
            name: the set.
            match: how its answers are compared, "string" or "regex".
            split: which split to read.
            path: the file; overrides ``folder`` and ``splits``.
            folder: where the splits' files lie.
            splits: by split: ``file`` (official name), ``count`` and ``sha256`` (content digest)
                as published; a split may have its own ``folder``.
            dpr_apostrophes: replace curly apostrophes in questions, as DPR does.
            limit: read only the first so many questions.
            about: sources, licence and citation, for people.

        Raises:
            UserError: an unknown match, or a limit below 1.
        """
        if match not in ("string", "regex"):
            raise UserError(f"dataset.match '{match}' is unknown: use string or regex")
        if limit is not None and (not isinstance(limit, int) or limit < 1):
            raise UserError(f"dataset.limit must be a whole number >= 1, got '{limit}'")
        self.name, self.match, self.split = name, match, split
        self._path, self._folder = path, folder
        self._splits = splits or {}
        self._dpr_apostrophes, self._limit = dpr_apostrophes, limit

    def _published(self) -> Mapping[str, Any]:
        if self._path is None and self._splits and self.split not in self._splits:
            known = ", ".join(self._splits)
            raise UserError(f"dataset {self.name} has no split '{self.split}': use one of {known}")
        return self._splits.get(self.split) or {}

    def file(self) -> Path:
        """The file that will be read.

        ``path`` if given; else the official file's name, or ``<split>.jsonl`` and the like, in
        ``folder`` (or the split's own folder).

        Raises:
            UserError: none of them is there; the message says what to get and where to put it.
        """
        published = self._published()
        if self._path is not None:
            return Path(self._path)
        folder = published.get("folder") or self._folder
        if folder is None:
            raise UserError(f"dataset {self.name} needs dataset.path=<file>")
        official = published.get("file")
        names = [official] if official else []
        names += [f"{self.split}{suffix}" for suffix in READERS]
        for name in names:
            for candidate in (Path(folder) / name, Path(folder) / f"{name}.gz"):
                if candidate.exists():
                    return candidate
        source = f" from {published['url']}" if published.get("url") else ""
        raise UserError(
            f"dataset {self.name} has no {self.split} file: put {names[0]}{source} into {folder}, "
            f"or set dataset.path=<file>"
        )

    def questions(self) -> QuestionSet:
        """Read the split.

        Raises:
            DataError: anything wrong in the file: a question without text or answers, an id twice.
        """
        path = self.file()
        published = self._published()
        questions: list[Question] = []
        seen: set[str] = set()
        for qid, text, answers, line in read_questions(path):
            qid = qid if qid is not None else f"{self.name}-{self.split}-{len(questions)}"
            if qid in seen:
                raise DataError(f"question id '{qid}' is there twice", path, line)
            if not text.strip():
                raise DataError(f"question '{qid}' has no text", path, line)
            if not answers:
                raise DataError(
                    f"question '{qid}' has no answers: a set without gold answers cannot be scored",
                    path,
                    line,
                )
            try:
                "".join((qid, text, *answers)).encode()
            except UnicodeEncodeError:
                raise DataError(
                    f"question '{qid}' holds half a surrogate pair", path, line
                ) from None
            seen.add(qid)
            questions.append(Question(qid, text, tuple(answers)))
        if not questions:
            raise DataError("holds no question", path)
        whole = tuple(questions)
        official, remark = self._compare(published, whole)
        if self._limit is not None and self._limit < len(whole):
            limited = f"only the first {self._limit} of {len(whole)} questions"
            remark = f"{remark}; {limited}" if remark else limited
            whole, official = whole[: self._limit], False
        if remark:
            remark = f"{self.name} {self.split}: {remark}"
            log.warning("WARNING: %s (%s)", remark, path)
        digest = content_digest(whole)
        if self._dpr_apostrophes:
            whole = tuple(q._replace(text=straight_apostrophes(q.text)) for q in whole)
        return QuestionSet(self.name, self.split, self.match, whole, digest, official, remark)

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
