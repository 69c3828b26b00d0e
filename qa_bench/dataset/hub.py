"""A question set on the hub: any split, with its columns named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from qa_bench.dataset.question_file import QuestionFile
from qa_bench.errors import UserError
from qa_bench.fetch.hub import HubSplit
from qa_bench.fetch.sources import Requirement
from qa_bench.formats.faults import Faults
from qa_bench.formats.qa import Row
from qa_bench.types import Match, QuestionSet


class HubQuestions(QuestionFile):
    """Reads one split of a set through ``datasets``; its files stay in the hub's cache."""

    labels = frozenset()

    def __init__(
        self,
        name: str,
        match: Match,
        split: str,
        path: str | None = None,
        config: str | None = None,
        revision: str | None = None,
        columns: Mapping[str, str | None] | None = None,
        folder: str = ".",
        dpr_apostrophes: bool = False,
        limit: int | None = None,
    ) -> None:
        """Keep the settings; nothing is read yet.

        Args:
            name: what tables call the set.
            match: how its answers are compared, "string" or "regex".
            split: which split to read.
            path: the set's name on the hub.
            config: its configuration, where it has several.
            revision: commit, tag or branch; None for the newest.
            columns: where ``id``, ``question``, ``answers`` and ``titles`` are; ``answers.text``
                is a field inside of a column. None for ``id``: questions are numbered; for
                ``answers``: the column ``answers`` or ``answer``; for ``titles``: that, if any.
            folder: where it is noted what files a split is made of.
            dpr_apostrophes: replace curly apostrophes in questions, as DPR does.
            limit: at most so many questions, spread evenly over the set.

        Raises:
            UserError: an unknown match or column, or a limit below 1.
        """
        super().__init__(
            name,
            match,
            split,
            path=path,
            dpr_apostrophes=dpr_apostrophes,
            limit=limit,
            columns=columns,
        )
        self._config, self._revision, self._notes = config, revision, Path(folder)

    def _source(self) -> HubSplit:
        if self._path is None:
            raise UserError(f"dataset {self.name} needs dataset.path=<name of a set on the hub>")
        return HubSplit(self._path, self._config, self._split, self._revision, self._notes)

    def file(self) -> Path:
        """The note of the split's files.

        Raises:
            UserError: there is no such set or split, or the hub may not be asked.
        """
        return self._source().note()

    def requirements(self) -> list[Requirement]:
        """The split's files."""
        return [self._source().requirement(f"{self.name} {self._path} {self._split}")]

    def _where(self) -> str:
        return str(self._source())

    def _read(self) -> QuestionSet:
        return self._parsed()

    def _rows(self, faults: Faults) -> Iterator[tuple[Row, Path]]:
        source, columns = self._source(), self._columns
        source.fetch()
        for row, path, number in source.rows():
            with faults.row:
                yield (
                    Row(
                        columns.qid(row, path, number) if columns.id else None,
                        columns.text(row, path, number),
                        columns.golds(row, path, number),
                        number,
                        columns.gold_titles(row, path, number),
                    ),
                    path,
                )
