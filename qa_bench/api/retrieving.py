"""A retriever for texts that are at hand: index them, search them."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from qa_bench.api.texts import Text, as_passages, question_set, stored
from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.line.retrieval import Retrieval
from qa_bench.settings import whole_number
from qa_bench.stages.expand import Wording
from qa_bench.store.passages import Passages, open_passages
from qa_bench.store.runs import RUN_FILE, read_run
from qa_bench.types import QuestionSet, Run, Runtime


class LoadedRetriever:
    """A retriever of ``conf/retriever``, a hybrid as well as any other."""

    def __init__(self, node: Any, choice: Callable[[str], str], runtime: Runtime) -> None:
        """Make it; nothing heavy is loaded.

        Raises:
            UserError: a setting is out of range.
        """
        self._node, self._choice, self._runtime = node, choice, runtime
        self.part = self._retrieval(None, None, Context(Path(), runtime)).part

    def index(self, texts: Iterable[Text], folder: Path | str | None = None) -> Index:
        """Index passages.

        Args:
            texts: the passages; those without a pid get "1", "2", … in order.
            folder: where passages, index and runs lie, as a cache of stages: the same texts are not
                indexed twice there. None: a temporary one, which ends with the index.

        Raises:
            UserError: no list of passages, or there are none, or a pid is there twice.
        """
        place = tempfile.mkdtemp(prefix="qa_bench-") if folder is None else folder
        try:
            context = Context(Path(place), self._runtime)
            passages = stored(as_passages(texts))
            for stage in self._retrieval(passages, None, context).indexes():
                context.run(stage)
            index = Index(self, passages, context)
        except BaseException:
            if folder is None:
                shutil.rmtree(place)
            raise
        if folder is None:
            index._end = weakref.finalize(index, shutil.rmtree, place)
        return index

    def _retrieval(
        self, passages: Stage | None, questions: QuestionSet | None, context: Context
    ) -> Retrieval:
        return Retrieval(
            self._node,
            lambda: passages,  # type: ignore[arg-type, return-value]
            lambda: Wording(questions),  # type: ignore[arg-type]
            context,
            self._choice,
        )


class Index:
    """Indexed passages, to be searched. A temporary folder ends with it, or with ``close``."""

    def __init__(self, retriever: LoadedRetriever, passages: Stage, context: Context) -> None:
        """Open what ``LoadedRetriever.index`` has made."""
        self._retriever, self._stage, self._context = retriever, passages, context
        self._end: Callable[[], object] | None = None
        self.passages: Passages = open_passages(context.run(passages).path)

    def __len__(self) -> int:
        """Number of passages."""
        return len(self.passages)

    def search(self, questions: Sequence[str] | QuestionSet, depth: int = 10) -> Run:
        """The best passages for every question: score descending, then in the order of the texts.

        Args:
            questions: texts, whose qids are their places ("0", "1", …); or a set with its own.
            depth: passages a question.

        Returns:
            The run; ``run.hits("0")`` lists the first question's hits, of which ``row`` is the
            passage's place among the texts.

        Raises:
            UserError: ``depth`` is no whole number from 1, or there are no questions.
        """
        whole_number("depth", depth)
        several = questions if isinstance(questions, QuestionSet) else question_set(questions)
        if not len(several):
            raise UserError("there are no questions to search with")
        retrieval = self._retriever._retrieval(self._stage, several, self._context)
        folder = self._context.run(retrieval.run(depth))
        return read_run(folder.path / RUN_FILE)

    def close(self) -> None:
        """Delete the temporary folder, if there is one."""
        if self._end is not None:
            self._end()

    def __enter__(self) -> Index:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """See ``close``."""
        self.close()
