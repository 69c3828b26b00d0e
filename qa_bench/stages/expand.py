"""questions ─expand─► searches: the texts to search with instead of the questions' own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qa_bench.engine.context import Context
from qa_bench.engine.digests import digest
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.protocols import Expander
from qa_bench.store.columns import read_columns, write_columns
from qa_bench.types import Folder, QuestionSet, Step

VERSION = 1
SEARCHES_FILE = "searches.parquet"
_INPUT = "searches"


@dataclass(frozen=True)
class Wording:
    """What a search searches with: the questions themselves, or one search of an expander.

    Attributes:
        questions: the set.
        expansion: the stage that words it otherwise; None where none does.
        search: which of its searches.
        averages: whether it may put passages beside the questions.
    """

    questions: QuestionSet
    expansion: Stage | None = None
    search: str = ""
    averages: bool = False

    def suited(self, averages: bool) -> Wording:
        """The same for a retriever that can search with passages beside a question.

        For one that cannot, the questions alone where there may be any.
        """
        return self if averages or not self.averages else Wording(self.questions)

    @property
    def config(self) -> dict[str, str]:
        """What of it is a setting of a search."""
        return {"search": self.search} if self.expansion else {}

    @property
    def inputs(self) -> dict[str, Stage]:
        """What of it is an input of a search."""
        return {_INPUT: self.expansion} if self.expansion else {}

    def titled(self, title: str) -> str:
        """The title of a stage that searches with it."""
        return f"{title} ({self.search})" if self.expansion else title

    def digest(self) -> str:
        """Content hash of the questions' ids and texts: what a retriever sees of a set."""
        return question_digest(self.questions)

    def open(self, inputs: Mapping[str, Folder]) -> QuestionSet:
        """The questions as they are searched with; the answers stay theirs."""
        if self.expansion is None:
            return self.questions
        columns = read_columns(inputs[_INPUT].path / SEARCHES_FILE)
        texts = columns[f"{self.search}.text"]
        beside = [tuple(several) for several in columns[f"{self.search}.beside"]]
        pairs = zip(self.questions, texts, strict=True)
        return replace(
            self.questions,
            questions=tuple(question._replace(text=text) for question, text in pairs),
            beside=tuple(beside) if any(beside) else (),
        )


def question_digest(questions: QuestionSet) -> str:
    """Content hash of the ids and texts of a set's questions, in order."""
    return digest([[question.qid, question.text] for question in questions])


def expand(questions: QuestionSet, expander: Expander, name: str, context: Context) -> Stage:
    """Every search of the expander: ``<search>.text`` and ``<search>.beside``, a row a question.

    How the searches' runs become one (``search_only``) is left out of the key.

    Its build raises ``UserError`` where a question could not be expanded; what a language model
    replied is kept.
    """

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        searches = expander.expand(questions, context.runtime)
        if tuple(searches) != tuple(expander.searches):
            raise UserError(
                f"expander {name} made the searches {', '.join(searches)} and announced "
                f"{', '.join(expander.searches)}"
            )
        columns: dict[str, Any] = {"qid": [question.qid for question in questions]}
        for label, search in searches.items():
            columns[f"{label}.text"] = list(search.texts)
            columns[f"{label}.beside"] = [list(several) for several in search.beside] or [
                [] for _ in search.texts
            ]
        write_columns(folder / SEARCHES_FILE, columns)
        return {"questions": len(questions), "searches": len(searches)}

    return Stage(
        "expand",
        VERSION,
        f"{questions.name}-{questions.split}-{name}",
        {k: v for k, v in expander.identity.items() if k not in expander.search_only},
        {},
        lambda: {"questions": question_digest(questions), **expander.sources()},
        build,
        lambda load: Step("expand", load.questions * 500, None, "not known"),
        f"expand {name}",
    )
