"""The straight line: which stage feeds which, for one system and one question set.

    corpus ─chunk─► passages ─index─► index ─search─► run ─rerank─► run ─read─► answers
                                                                     └─────score─────┘

This is a description: properties give stages, ``Line.context`` runs them. Reranking and reading are
left out where no reranker and no reader is chosen. A retriever that is built on others has their
stages before its own (``retrieval.py``); an expander words the questions anew before the search.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from qa_bench.engine.context import Context
from qa_bench.engine.stage import Stage, graph
from qa_bench.errors import UserError
from qa_bench.formats.predictions import read_predictions
from qa_bench.formats.qa import suffix_of
from qa_bench.line.choices import (
    NO_CORPUS,
    check_names,
    check_predictions,
    check_run,
    check_settings,
    no_corpus,
)
from qa_bench.line.entropy import Entropies, entropies
from qa_bench.line.labels import passages_label
from qa_bench.line.material import Material
from qa_bench.line.retrieval import Retrieval
from qa_bench.line.source import source_choices, source_config, source_names
from qa_bench.line.training import Training, not_on_a_line, training
from qa_bench.metric.matching import get_mode
from qa_bench.parts import make
from qa_bench.settings import one_of, whole_number
from qa_bench.stages.articles import articles
from qa_bench.stages.ceiling import ceiling
from qa_bench.stages.chunk import chunk
from qa_bench.stages.expand import Wording, expand
from qa_bench.stages.fuse import fuse
from qa_bench.stages.import_run import ForeignFile, holds_passages, import_run
from qa_bench.stages.read import read
from qa_bench.stages.rerank import rerank
from qa_bench.stages.score import score
from qa_bench.types import QuestionSet, Runtime


class Line:
    """The stages of one composed configuration, each described when first asked for."""

    def __init__(
        self,
        config: Any,
        choices: dict[str, str],
        system: str,
        changes: Sequence[str] = (),
        passages: Sequence[tuple[str, str]] = (),
        swept: Collection[str] = (),
        place: int = 0,
        overrides: Sequence[str] = (),
    ) -> None:
        """Keep the configuration; nothing is read or built yet.

        Args:
            config: the composed Hydra configuration.
            choices: the YAML chosen in each group.
            system: label of the table row.
            changes: what was changed of the system, see ``Labels``, as all that follows.
            passages: what was changed of corpus and chunker.
            swept: settings that the command sweeps.
            place: number of the job.
            overrides: the job's, for its certificate.

        Raises:
            UserError: a setting that belongs to no part is out of range, or nothing is called so.
        """
        check_settings(config)
        check_names(config)
        check_predictions(config)
        check_run(config, overrides)
        self.config, self._choices, self.system, self.place = config, choices, system, place
        self.changes, self.overrides = tuple(changes), tuple(overrides)
        self._changed_passages, self._swept = tuple(passages), frozenset(swept)
        self.depth: int = config.depth
        whole_number("depth", self.depth)
        get_mode(config.mode)
        whole_number("latency", config.latency, 0)
        one_of("run_ids", config.run_ids, ("passages", "articles"))
        if config.run_ids == "articles" and config.run is None:
            raise UserError(
                "run_ids=articles says what the ids of a run file are: it needs run=<file>"
            )
        try:
            runtime = Runtime(**config.runtime)
        except TypeError as error:
            raise UserError(f"runtime: {error}") from None
        self.context = Context(Path(config.paths.cache), runtime)

    def choice(self, place: str) -> str:
        """The name of the YAML chosen for a place of the configuration."""
        own = place if "@" in place else f"{place.partition('.')[0]}@{place}"
        return self._choices.get(own, self._choices.get(place)) or place.rpartition(".")[2]

    @cached_property
    def dataset(self) -> Any:
        """The question set's part."""
        return make("dataset", self.config.dataset)

    @cached_property
    def corpus(self) -> Any:
        """The corpus' part.

        Raises:
            UserError: none is chosen, and no file is named.
        """
        if self._lacks_corpus:
            raise no_corpus()
        return make("corpus", self.config.corpus)

    def check_corpus(self, verb: str = "") -> None:
        """Look whether passages can be had, before anything is read or downloaded for them.

        Args:
            verb: what is done; to score a run that can hold no passages takes a corpus.

        Raises:
            UserError: see ``corpus``; not where predictions are scored, or a run that may bring
                its passages; the run is no file.
        """
        run = self.config.run
        if self.config.predictions is not None:
            return
        self._check_run()
        scored = verb in ("run", "score", "import")
        if run is not None and (not scored or suffix_of(Path(run)) in (".json", ".jsonl")):
            return
        if run is None and verb == "score" and self._lacks_corpus:
            raise no_corpus(
                "; or predictions=<a file of answers>, run=<a run file>, to score those"
            )
        _ = self.corpus

    @property
    def _lacks_corpus(self) -> bool:
        return self.choice("corpus") == NO_CORPUS and self.config.corpus.path is None

    @cached_property
    def expander(self) -> Any:
        """The expander; None where none is chosen."""
        return self._chosen("expander")

    @cached_property
    def reranker(self) -> Any:
        """The reranker; None where none is chosen."""
        return self._chosen("reranker")

    @cached_property
    def reader(self) -> Any:
        """The reader; None where none is chosen."""
        return self._chosen("reader")

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The metrics, by their names in the configuration."""
        return {name: make("metric", node) for name, node in self.config.metrics.items()}

    @cached_property
    def training(self) -> Training | None:
        """What is trained before anything else; None where nothing is."""
        material = Material(self, source_names(self.config), self._source)
        return training(self.config, self.context, material)

    def _source(self, name: str) -> Line:
        """A line that mines what is learnt from."""
        choices = source_choices(self._choices, name)
        return Line(source_config(self.config, name), choices, choices["retriever"])

    def _chosen(self, group: str) -> Any:
        """The part of a group that has a choice without any: ``none``."""
        node = self.config[group]
        return make(group, node) if "_target_" in node else None

    @cached_property
    def questions(self) -> QuestionSet:
        """The questions."""
        questions: QuestionSet = self.dataset.questions()
        return questions

    @cached_property
    def passages(self) -> Stage:
        """Articles → passages."""
        chunker = make("chunker", self.config.chunker)
        return chunk(self.corpus, chunker, self.context)

    @property
    def passages_label(self) -> str:
        """The corpus, and the chunker of a corpus of articles, with what was changed of them."""
        return passages_label(
            self.corpus, self.choice("chunker"), self._changed_passages, self._swept
        )

    @cached_property
    def retrieval(self) -> Retrieval:
        """The retriever's stages, and those of its parts, for the questions as they are."""
        return self._retrieval()

    def _retrieval(self, expansion: Stage | None = None, label: str = "") -> Retrieval:
        if self.training is not None and not self.training.place.startswith("retriever"):
            raise not_on_a_line(self.training.place)
        return Retrieval(
            self.config.retriever,
            lambda: self.passages,
            lambda: Wording(
                self.questions, expansion, label, bool(expansion and self.expander.averages)
            ),
            self.context,
            self.choice,
            training=self.training,
        )

    @cached_property
    def indexes(self) -> list[Stage]:
        """Passages → index, one a retriever that has one; a hybrid has those of its parts."""
        return list({stage.key: stage for stage in self.retrieval.indexes()}.values())

    @cached_property
    def retrievals(self) -> dict[str, Retrieval]:
        """What is searched: once, or once a search of the expander.

        Raises:
            UserError: the expander puts passages beside questions, and neither the retriever nor
                a part of it takes any.
        """
        if self.expander is None:
            return {"": self.retrieval}
        if self.expander.averages and not self.retrieval.averages:
            raise UserError(
                "this expander averages vectors: choose a bi-encoder, such as retriever=minilm"
            )
        expansion = expand(self.questions, self.expander, self.choice("expander"), self.context)
        return {label: self._retrieval(expansion, label) for label in self.expander.searches}

    @cached_property
    def searched(self) -> Stage:
        """Index → run; with an expander, the fusion of its searches' runs."""
        runs = {label: one.run(self.depth) for label, one in self.retrievals.items()}
        if len(runs) == 1:
            return next(iter(runs.values()))
        fusion = make("fusion", self.config.expander.fusion)
        name = f"{self.choice('retriever')}+{self.choice('expander')}"
        common = (name, self.depth, self.depth * len(runs), self.context)
        return fuse(runs, self.passages, self.questions, fusion, *common)

    @cached_property
    def searches(self) -> list[Stage]:
        """All stages whose seconds are those of searching."""
        stages = [s for one in self.retrievals.values() for s in one.searches(self.depth)]
        return list(dict.fromkeys([*stages, self.searched]))

    @cached_property
    def latencies(self) -> list[Stage]:
        """Times of single questions' searches, where they are wanted of a run of ours."""
        ours = self.config.run is None and self.config.predictions is None
        sample: int = self.config.latency
        if not ours or not sample:
            return []
        several = self.retrievals.values()
        return [s for one in several for s in one.latencies(self.depth, sample)]

    @cached_property
    def run(self) -> Stage:
        """Index → run; or the run file that was given."""
        return self.searched if self._imported is None else self._imported

    @cached_property
    def _foreign(self) -> ForeignFile | None:
        """The run file that was given."""
        run = self.config.run
        if run is None:
            return None
        self._check_run()
        return ForeignFile(Path(run), self.questions)

    def _check_run(self) -> None:
        run = self.config.run and Path(self.config.run)
        if run and run.is_dir():
            raise UserError(f"run: {run} is a folder: name the run file")
        if run and not run.exists():
            raise UserError(f"run: no such file: {run}")

    @cached_property
    def _imported(self) -> Stage | None:
        if self._foreign is None:
            return None
        return import_run(self._foreign, self.system, self.context)

    @cached_property
    def run_passages(self) -> Stage:
        """What the run's pids name: passages inside a foreign run, else the corpus' passages.

        Or whole articles of the corpus, where a foreign run names those.
        """
        if self._foreign is None or self._imported is None:
            return self.passages
        inside = holds_passages(self._imported, self._foreign, self.context)
        if self.config.run_ids == "passages":
            if not inside and self._lacks_corpus:
                raise no_corpus(f"; {self.config.run} has ids of passages, but not their texts")
            return self._imported if inside else self.passages
        run = str(self.config.run)
        if inside:
            raise UserError(f"run_ids=articles: {run} holds passages, which are scored as such")
        return articles(self._imported, self.passages, self.slug, run, self.context)

    @cached_property
    def ranked(self) -> Stage:
        """Run → the run a reader is given: reranked, where a reranker is chosen."""
        if self.reranker is None:
            return self.run
        keep = self.reranker.keep or self.depth
        common = (self.run, self.run_passages, self.questions, self.reranker)
        return rerank(*common, self.slug, min(self.depth, keep), self.depth, self.context)

    @cached_property
    def answers(self) -> Stage | None:
        """Run → an answer a question, where a reader is chosen."""
        if self.reader is None:
            return None
        common = (self.ranked, self.run_passages, self.questions, self.reader)
        return read(*common, self.slug, self.ranked_depth or self.depth, self.context)

    @property
    def slug(self) -> str:
        """The system's label without what was changed."""
        return self.system.partition("[")[0]

    @property
    def ranked_depth(self) -> int | None:
        """How deep ``ranked`` goes; None for a foreign run, of which nobody knows."""
        if self.reranker is not None:
            deepest: int = self.reranker.keep or self.reranker.depth
            return min(deepest, int(self.reranker.depth), self.depth)
        return self.depth if self._imported is None else None

    @cached_property
    def scores(self) -> Stage:
        """Run, answers or predictions → per-question values."""
        common = (self.questions, self.metrics, self.config.mode, self.slug, self.context)
        if self.config.predictions is not None:
            predictions = read_predictions(Path(self.config.predictions), self.questions)
            return score(*common, predictions=predictions)
        return score(
            *common,
            run=self.ranked,
            passages=self.run_passages,
            answers=self.answers,
            depth=self.ranked_depth,
            source="run" if self.config.run is None else str(self.config.run),
            read=self.reader.depth if self.reader else None,
            collection=self._collection,
        )

    @property
    def _collection(self) -> Literal["corpus", "articles", "hits"]:
        """What ``run_passages`` are."""
        if self._foreign is not None and self.run_passages is self._imported:
            return "hits"
        return "articles" if self.config.run_ids == "articles" else "corpus"

    @cached_property
    def ceiling(self) -> Stage | None:
        """Passages → which questions have an answer anywhere in them; None where not wanted."""
        retrieved = self.config.predictions is None
        if not self.config.ceiling or self.questions.qrels is not None or not retrieved:
            return None
        if self.run_passages is self._imported:
            return None
        return ceiling(self.questions, self.passages, self.config.mode, self.context)

    @cached_property
    def entropies(self) -> Entropies | None:
        """Passages and the retriever → contrastive entropies; None where not wanted."""
        return entropies(self)

    def stages(self) -> list[Stage]:
        """The graph: all stages of the line, each after what it is made of; nothing runs.

        Raises:
            UserError: a setting is out of range, or the questions are missing.
        """
        beside = [self.ceiling, self.entropies and self.entropies.stage, *self.latencies]
        return graph(self.scores, *filter(None, beside))
