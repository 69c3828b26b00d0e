"""The straight line: which stage feeds which, for one system and one question set.

    corpus ─chunk─► passages ─index─► index ─search─► run ─rerank─► run ─read─► answers
                                                                     └─────score─────┘

Reranking and reading are left out where no reranker and no reader is chosen. A retriever that is
built on others has their stages before its own (``retrieval.py``).

Every stage is asked for by the one after it and reuses its folder where nothing changed.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import qa_bench
from qa_bench.engine.context import Context
from qa_bench.errors import UserError
from qa_bench.formats.qa import read_predictions
from qa_bench.line.retrieval import Retrieval
from qa_bench.metric.matching import get_mode
from qa_bench.parts import make
from qa_bench.report.record import Record, save
from qa_bench.settings import whole_number
from qa_bench.stages.ceiling import CEILING_FILE, ceiling
from qa_bench.stages.chunk import chunk
from qa_bench.stages.fuse import fuse
from qa_bench.stages.import_run import import_run
from qa_bench.stages.read import PREDICTIONS_FILE, read
from qa_bench.stages.rerank import rerank
from qa_bench.stages.score import SCORES_FILE, score
from qa_bench.store.columns import read_columns
from qa_bench.types import Folder, QuestionSet, Runtime

log = logging.getLogger(__name__)


class Line:
    """The stages of one composed configuration, each run when first asked for."""

    def __init__(self, config: Any, choices: dict[str, str], system: str) -> None:
        """Keep the configuration; nothing is read or built yet.

        Args:
            config: the composed Hydra configuration.
            choices: the YAML chosen in each group.
            system: label of the table row.

        Raises:
            UserError: a setting that belongs to no part is out of range.
        """
        self._config, self._choices, self.system = config, choices, system
        self.depth: int = config.depth
        whole_number("depth", self.depth)
        get_mode(config.mode)
        try:
            runtime = Runtime(**config.runtime)
        except TypeError as error:
            raise UserError(f"runtime: {error}") from None
        self.context = Context(Path(config.paths.cache), runtime)

    def _part(self, group: str) -> Any:
        return make(group, self._config[group])

    @cached_property
    def dataset(self) -> Any:
        """The question set's part."""
        return self._part("dataset")

    @cached_property
    def corpus(self) -> Any:
        """The corpus' part."""
        return self._part("corpus")

    @cached_property
    def retrieval(self) -> Retrieval:
        """The retriever's stages, and those of its parts."""
        return Retrieval(self, self._config.retriever, "retriever")

    @cached_property
    def questions(self) -> QuestionSet:
        """The questions."""
        questions: QuestionSet = self.dataset.questions()
        return questions

    @cached_property
    def passages(self) -> Folder:
        """Articles → passages."""
        return chunk(self.corpus, self._part("chunker"), self.context)

    @cached_property
    def indexes(self) -> list[Folder]:
        """Passages → index, one a retriever that has one; a hybrid has those of its parts."""
        retrieval = self.retrieval  # made first: a bad setting shall show before the chunking
        return retrieval.indexes()

    def choice(self, place: str) -> str:
        """The name of the YAML chosen for a place of the configuration."""
        group = place.partition(".")[0]
        return (
            self._choices.get(f"{group}@{place}" if place != group else group)
            or (place.rpartition(".")[2])
        )

    @cached_property
    def run(self) -> Folder:
        """Index → run; or the run file that was given."""
        if self._config.run is not None:
            return import_run(Path(self._config.run), self.questions, self.system, self.context)
        return self._searched[0]

    @cached_property
    def expander(self) -> Any | None:
        """The expander, where one is chosen."""
        return self._chosen("expander")

    @cached_property
    def _searched(self) -> tuple[Folder, float]:
        """The run, and the seconds of searching; with an expander, of all its searches."""
        if self.expander is None:
            return self.retrieval.run(self.depth), self.retrieval.seconds(self.depth)
        if self.expander.averages:
            self._need_averages()  # before it asks a language model
        node = self._config.retriever
        searches = {
            label: Retrieval(self, node, "retriever", self._asked_with(search))
            for label, search in self.expander.expand(self.questions, self.context.runtime).items()
        }
        runs = {label: search.run(self.depth) for label, search in searches.items()}
        seconds = sum(search.seconds(self.depth) for search in searches.values())
        if len(runs) == 1:
            return next(iter(runs.values())), seconds
        fusion = make("fusion", self._config.expander.fusion)
        common = (self._slug, self.depth, self.context)
        fused = fuse(runs, self.passages, self.questions, fusion, *common)
        return fused, seconds + fused.manifest["counts"]["seconds"]

    def _asked_with(self, search: Any) -> QuestionSet:
        """The questions with a search's texts; its passages beside them."""
        if search.beside:
            self._need_averages()
        pairs = zip(self.questions, search.texts, strict=True)
        questions = tuple(question._replace(text=text) for question, text in pairs)
        return replace(self.questions, questions=questions, beside=search.beside)

    def _need_averages(self) -> None:
        if not self.retrieval.averages():
            raise UserError(
                "this expander averages vectors: choose a bi-encoder, such as retriever=minilm"
            )

    def _chosen(self, group: str) -> Any | None:
        """The part of a group that has a choice without any: ``none``."""
        return self._part(group) if "_target_" in self._config[group] else None

    @cached_property
    def reranker(self) -> Any | None:
        """The reranker, where one is chosen."""
        return self._chosen("reranker")

    @cached_property
    def reader(self) -> Any | None:
        """The reader, where one is chosen."""
        return self._chosen("reader")

    @cached_property
    def ranked(self) -> Folder:
        """Run → the run a reader is given: reranked, where a reranker is chosen."""
        if self.reranker is None:
            return self.run
        keep = self.reranker.keep or self.depth
        common = (self.run, self.run_passages, self.questions, self.reranker)
        return rerank(*common, self._slug, min(self.depth, keep), self.context)

    @cached_property
    def answers(self) -> Folder | None:
        """Run → an answer a question, where a reader is chosen."""
        if self.reader is None:
            return None
        common = (self.ranked, self.run_passages, self.questions, self.reader)
        return read(*common, self._slug, self.context)

    @property
    def _slug(self) -> str:
        return self.system.partition("[")[0]

    @cached_property
    def run_passages(self) -> Folder:
        """The passages the run's pids name: those inside a foreign run, else the corpus'."""
        return self.run if self.run.manifest["counts"].get("passages") else self.passages

    @cached_property
    def scores(self) -> Folder:
        """Run or predictions → per-question values."""
        metrics = {name: make("metric", node) for name, node in self._config.metrics.items()}
        common = (self.questions, metrics, self._config.mode, self._slug, self.context)
        known = {question.qid for question in self.questions}
        if self._config.predictions is not None:
            given = read_predictions(Path(self._config.predictions), known)
            return score(*common, predictions=given)
        ours = self._config.run is None
        answers = self.answers
        searched = self.depth if ours else None
        if self.reranker is not None:
            deepest = self.reranker.keep or self.reranker.depth
            searched = min(deepest, self.reranker.depth, self.depth)
        return score(
            *common,
            run=self.ranked,
            passages=self.run_passages,
            predictions=read_predictions(answers.path / PREDICTIONS_FILE, known)
            if answers
            else None,
            depth=searched,
            source="run" if ours else str(self._config.run),
            read=self.reader.depth if self.reader else None,
        )

    @cached_property
    def ceiling(self) -> Folder:
        """Passages → which questions have an answer anywhere in them."""
        return ceiling(self.questions, self.passages, self._config.mode, self.context)

    def record(self) -> Record:
        """Score, and write the record and the per-question file into the results."""
        scores = self.scores
        counts = scores.manifest["counts"]
        questions, retrieved = self.questions, self._config.predictions is None
        ours = retrieved and self._config.run is None
        used_corpus = retrieved and self.run_passages is not self.run
        ceiling = used_corpus and self._config.ceiling and questions.qrels is None
        record = Record(
            system=self.system,
            dataset=questions.name,
            split=questions.split,
            n=len(questions),
            match=questions.match,
            mode=self._config.mode,
            questions=questions.digest[:8],
            published_set=bool(questions.published),
            corpus=self._corpus_label() if used_corpus else "",
            published_corpus=used_corpus and self._is_published_corpus(),
            passages_key=self.passages.key if used_corpus else "",
            values=counts["means"] | (self.ceiling.manifest["counts"] if ceiling else {}),
            costs=self._costs() if ours else {},
            notes=self._notes(counts, used_corpus),
            published_as=self._published_as() if ours else [],
            version=qa_bench.__version__,
            scores=scores.path.name,
        )
        rows = read_columns(scores.path / SCORES_FILE)
        if ceiling:
            rows |= read_columns(self.ceiling.path / CEILING_FILE)
        rows = {"qid": rows.pop("qid"), "question": [q.text for q in questions], **rows}
        path = save(record, Path(self._config.paths.results), self._config.name, rows)
        log.info("per-question values: %s", path)
        return record

    def _corpus_label(self) -> str:
        corpus = self.corpus
        return (
            corpus.name if corpus.unit == "passage" else f"{corpus.name}/{self._choices['chunker']}"
        )

    def _is_published_corpus(self) -> bool:
        published = self.corpus.about.passages
        return published is not None and published == self.passages.manifest["counts"]["passages"]

    def _published_as(self) -> list[str]:
        """The published systems whose settings and matching rules are those of this one."""
        retriever = self.retrieval.part
        settings = retriever.about.published_with
        alone = self.expander is None and self.reranker is None
        same = alone and all(
            _at(retriever.identity, name) == value for name, value in settings.items()
        )
        comparable = same and self._config.mode in ("dpr", "pyserini")
        return list(retriever.about.published) if comparable else []

    def _costs(self) -> dict[str, float]:
        indexes, seconds = self.indexes, self._searched[1]
        size = sum(output["bytes"] for i in indexes for output in i.manifest["outputs"].values())
        wall = sum(index.manifest["wall_s"] for index in indexes)
        return {
            "passages": self.passages.manifest["counts"]["passages"],
            "index_mb": round(size / 1e6, 1),
            "build_s": round(self.passages.manifest["wall_s"] + wall, 2),
            "search_s": seconds,
            "questions_per_s": round(len(self.questions) / seconds, 1) if seconds else 0.0,
            **(self.retrieval.kept_of_base(self.depth) if self.expander is None else {}),
            **self._seconds_a_question(),
            **self._tokens_a_question(),
        }

    def _seconds_a_question(self) -> dict[str, float]:
        """Of reranking and of reading, where they are done."""
        stages = {
            "rerank_s": self.ranked if self.reranker is not None else None,
            "read_s": self.answers,
        }
        return {
            name: round(folder.manifest["counts"]["seconds"] / len(self.questions), 4)
            for name, folder in stages.items()
            if folder is not None
        }

    def _tokens_a_question(self) -> dict[str, float]:
        """That a language model read and wrote, where the reader counts them."""
        counts = self.answers.manifest["counts"] if self.answers else {}
        tokens = [counts[name] for name in ("prompt_tokens", "completion_tokens") if name in counts]
        return {"read_tokens": round(sum(tokens) / len(self.questions), 1)} if tokens else {}

    def _notes(self, counts: dict[str, Any], used_corpus: bool) -> list[str]:
        notes = [self.questions.remark] if self.questions.remark else []
        if used_corpus and (note := self.corpus.about.note):
            notes.append(note)
        if bad := counts["degenerate_answers"]:
            notes.append(
                f"{self.questions.name}: {bad} gold answers are degenerate (nothing is left of "
                "them, or a pattern does not compile); they count as the reference counts them"
            )
        if absent := counts.get("relevant_absent"):
            notes.append(
                f"{self.questions.name}: {absent} relevant passages are not in the corpus; they "
                "count as not found"
            )
        if missing := counts.get("without_prediction"):
            notes.append(
                f"{self.questions.name}: {missing} questions have no prediction and count as wrong"
            )
        return notes


def _at(settings: Any, place: str) -> Any:
    """A setting of a part or of its parts: ``parts.bm25.k1``; None where there is none."""
    for name in place.split("."):
        settings = settings.get(name) if isinstance(settings, dict) else None
    return settings
