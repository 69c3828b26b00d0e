"""Readers that point at the answer in a passage, whichever model they have."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_bench.errors import UserError
from qa_bench.models.positions import check_announced
from qa_bench.models.source import Source
from qa_bench.parts import Part
from qa_bench.reader.extractive.aggregation import AGGREGATIONS
from qa_bench.reader.extractive.layout import Layout, Shape, Window, characters
from qa_bench.reader.extractive.spans import Spans, best_spans, log_total, merged
from qa_bench.runtime.estimates import PASSAGE_TOKENS, QUESTION_TOKENS, model_step
from qa_bench.runtime.progress import progress
from qa_bench.settings import flag, one_of, whole_number
from qa_bench.store.ranked import Ranked
from qa_bench.train.loop import MODEL_FOLDER, Settings, TrainingFiles, settings_of
from qa_bench.types import Runtime, Step

if TYPE_CHECKING:
    from qa_bench.reader.extractive.model import Logits, ReaderModel

log = logging.getLogger(__name__)

_SPANS = 10
"""Spans of a passage that can be chosen, as many as DPR's reader looks at."""
_MARGIN = 0.05
"""Of the range of a question's logits: a passage that is so far behind in a draft cannot hold the
answer. bfloat16 moved no best span of 600 passages by more than 0.013 of it (MiniLM)."""
_HITS_AT_ONCE = 4096
"""Passages whose windows are sorted by length together."""


@dataclass
class _Hit:
    """A passage of a question on its way through the model.

    Attributes:
        question: place in the set.
        encoding: its tokens, which know their characters.
        text: the passage.
        windows: its sequences.
        found: what the model says of each.
    """

    question: int
    encoding: Any
    text: str
    windows: list[Window]
    logits: dict[int, Logits] = field(default_factory=dict)


class Extractive(Part):
    """A model of transformers for question answering, or DPR's reader, over all hits of a question.

    The answer is a piece of a passage's text. Hits of all questions are read together, sorted by
    length; each passage's tokens are made once.

    Source: Karpukhin et al. 2020 (DPR); Wang et al. 2019 (Multi-passage BERT); Chen et al. 2017
    (DrQA); Mao et al. 2021 (GAR).
    """

    labels = frozenset({"sha256"})
    # Training sees sequences and the model. The model is among its inputs by content, whatever it
    # is called; its head is the objective's choice, its precision train.precision.
    reading_only = frozenset(
        {
            *("model", "revision", "architecture", "precision", "draft"),
            *("aggregation", "depth", "max_answer_tokens", "full_words"),
        }
    )

    def __init__(
        self,
        model: str | None = None,
        revision: str | None = None,
        architecture: str | None = None,
        aggregation: str = "multi_passage_bert",
        depth: int = 30,
        title: str = "none",
        max_length: int = 384,
        stride: int = 128,
        question_tokens: int = 64,
        max_answer_tokens: int = 10,
        full_words: bool = True,
        precision: str = "fp32",
        draft: str | None = None,
        sha256: Mapping[str, str] | None = None,
    ) -> None:
        """Check the settings.

        Args:
            model: hub name, folder, or ``wheel:<package>/<folder>``.
            revision: commit, tag or branch on the hub; None for the newest.
            architecture: class of transformers; None for the one that the model's config names.
            aggregation: see ``AGGREGATIONS``.
            depth: hits of a question that are read.
            title: see ``Shape``, as the three that follow.
            max_length: see ``Shape``.
            stride: see ``Shape``.
            question_tokens: see ``Shape``.
            max_answer_tokens: tokens an answer may have before it grows to whole words.
            full_words: answers end where words do.
            precision: of the forward pass: fp32, bf16 or fp16.
            draft: coarser precision in which all passages are read first; only those that may hold
                the answer are then read in ``precision``. None: all are.
            sha256: file of the model to the hash it must have.

        Raises:
            UserError: a setting is out of range.
        """
        if not model:
            raise UserError(
                "reader.model: name a question answering model of the hub, or a folder; "
                "`qa-bench train` makes one"
            )
        one_of("reader.aggregation", aggregation, AGGREGATIONS)
        one_of("reader.precision", precision, ("fp32", "bf16", "fp16"))
        one_of("reader.draft", draft, ("bf16", "fp16", None))
        if draft and AGGREGATIONS[aggregation].best is None:
            raise UserError(
                "reader.draft: not for an aggregation in which several passages decide "
                f"({aggregation})"
            )
        self.depth = whole_number("reader.depth", depth)
        self._shape = Shape(title, max_length, stride, question_tokens)
        self._aggregation = AGGREGATIONS[aggregation]
        self._longest = whole_number("reader.max_answer_tokens", max_answer_tokens)
        self._full_words = flag("reader.full_words", full_words)
        hashes = tuple(sorted(dict(sha256 or {}).items()))
        self._source = Source(model, revision, architecture, precision=precision, sha256=hashes)
        self._draft = replace(self._source, precision=draft) if draft else None

    def sources(self) -> dict[str, str]:
        """Identity of the model's content.

        Raises:
            UserError: there is no such model, or it has fewer positions than ``max_length``.
        """
        check_announced(self._source, "reader.max_length", self._shape.max_length)
        return {"reader_model": self._source.identity()}

    def training(self, options: Mapping[str, Any]) -> Settings:
        """See ``teach.ReaderSettings``."""
        from qa_bench.reader.extractive.teach import ReaderSettings

        return settings_of(ReaderSettings, options)

    def train(
        self, files: TrainingFiles, settings: Any, folder: Path, runtime: Runtime
    ) -> dict[str, Any]:
        """Train the model further, with sequences as this reader makes them; see ``teach``."""
        from qa_bench.reader.extractive.teach import teach

        return teach(self._source, self._shape, files, settings, folder, runtime)

    def trained(self, folder: Path, settings: Any) -> dict[str, Any]:
        """The settings that read with what was trained in a folder."""
        return {"model": str(folder / MODEL_FOLDER)}

    def plan(self, questions: int, hits: int, runtime: Runtime) -> Step:
        """From ``about.parameters``; a passage is one sequence."""
        tokens = questions * hits * (PASSAGE_TOKENS + QUESTION_TOKENS)
        return model_step("read", self.about, self._source.precision, tokens, runtime)

    def read(self, ranked: Ranked, runtime: Runtime) -> list[str]:
        """The answer of every question; empty where no passage has text.

        Raises:
            UserError: the model is not there, has no head, or gives no numbers.
        """
        from qa_bench.reader.extractive.model import loaded_reader

        identity = self._source.identity()
        model = loaded_reader(self._source, identity, runtime)
        drafting = loaded_reader(self._draft, identity, runtime) if self._draft else None
        layout = Layout(model.tokenizer, self._shape, model.limit, model.types)
        questions = layout.questions([question.text for question in ranked.questions])
        answers = [""] * len(questions)
        empty = 0
        with progress(len(ranked), "read", "passages", runtime) as bar:
            for places in _parts(ranked):
                hits = self._hits(ranked, places, questions, layout)
                with_text = [hit for hit in hits if hit.windows]
                empty += len(hits) - len(with_text)
                bar.update(len(hits) - len(with_text))
                self._read_hits(with_text, drafting or model, ranked, bar.update)
                of_question = _by_question(with_text)
                if drafting:
                    with_text = [hit for hits in of_question.values() for hit in self._best(hits)]
                    self._read_hits(with_text, model, ranked)
                    of_question = _by_question(with_text)
                for place, read in of_question.items():
                    answers[place] = self._answer(read)
        if empty:
            log.warning("read: %s passages have no text and were not read", f"{empty:,}")
        if layout.cut_questions:
            log.warning(
                "read: %s questions are longer than reader.question_tokens=%d and were cut",
                f"{layout.cut_questions:,}",
                self._shape.question_tokens,
            )
        return answers

    def _hits(
        self, ranked: Ranked, places: slice, questions: Sequence[np.ndarray], layout: Layout
    ) -> list[_Hit]:
        """The hits at ``places`` as sequences; what several questions found is tokenised once."""
        rows, first_of, of_hit = np.unique(
            ranked.rows[places], return_index=True, return_inverse=True
        )
        at = (first_of + places.start).tolist()
        texts = [ranked.texts[place] for place in at]
        encodings = layout.encodings(texts)
        tokens = [np.array(encoding.ids, dtype=np.int32) for encoding in encodings]
        titles = [np.zeros(0, np.int32)] * len(rows)
        if layout.reads_titles:
            named = layout.encodings([ranked.titles[place] for place in at])
            titles = [np.array(title.ids, dtype=np.int32) for title in named]
        return [
            _Hit(
                question,
                encodings[one],
                texts[one],
                layout.windows(questions[question], titles[one], tokens[one]),
            )
            for question, one in zip(
                ranked.question_rows[places].tolist(), of_hit.tolist(), strict=True
            )
        ]

    def _read_hits(
        self,
        hits: Sequence[_Hit],
        model: ReaderModel,
        ranked: Ranked,
        update: Callable[[int], Any] = int,
    ) -> None:
        """Let the model read all windows, and tell of each hit that is done.

        Raises:
            UserError: a logit is not a number.
        """
        for hit in hits:
            hit.logits.clear()
        owners = [(hit, place) for hit in hits for place in range(len(hit.windows))]
        windows = list(chain.from_iterable(hit.windows for hit in hits))
        for number, logits in model.read(windows):
            hit, place = owners[number]
            if not all(np.isfinite(values).all() for values in logits if values is not None):
                qid = ranked.questions.questions[hit.question].qid
                raise UserError(
                    f"model {self._source.model} gives no numbers for question '{qid}' and the "
                    f"passage '{hit.text[:40]}': is it whole, and does its precision suit it "
                    "(reader.precision=fp32 reader.draft=null)?"
                )
            hit.logits[place] = logits
            update(int(len(hit.logits) == len(hit.windows)))

    def _best(self, hits: Sequence[_Hit]) -> list[_Hit]:
        """Those of a question's hits that may hold the answer, by what a draft says."""
        logits = [list(hit.logits.values()) for hit in hits]
        if self._aggregation.best == "span":
            strengths, reach = _by_spans(logits, self._longest)
        elif any(one.relevance is None for one in logits[0]):
            return list(hits)  # the aggregation says what is wrong with that
        else:
            strengths, reach = _by_relevance(logits)
        least = max(strengths) - _MARGIN * reach
        return [hit for hit, strength in zip(hits, strengths, strict=True) if strength >= least]

    def _answer(self, hits: Sequence[_Hit]) -> str:
        """The chosen piece of the passages of a question."""
        candidates, passages, total, relevance = [], [], [], []
        for place, hit in enumerate(hits):
            logits = [hit.logits[number] for number in range(len(hit.windows))]
            of_windows = [
                (window.first, best_spans(one.start, one.end, self._longest, _SPANS))
                for window, one in zip(hit.windows, logits, strict=True)
            ]
            spans = merged(of_windows, _SPANS)
            candidates += [(hit, *span) for span in spans]
            passages += [place] * len(spans)
            total.append(log_total([one.start for one in logits], [one.end for one in logits]))
            relevances = [one.relevance for one in logits if one.relevance is not None]
            relevance += [max(relevances)] if relevances else []
        texts = [self._text(hit, first, last) for hit, first, last, _ in candidates]
        spans_of_all = Spans(
            np.array(passages, dtype=np.int64),
            np.array([logit for *_, logit in candidates], dtype=np.float64),
            texts,
            np.array(total),
            np.array(relevance) if relevance else None,
        )
        return texts[self._aggregation.choose(spans_of_all)]

    def _text(self, hit: _Hit, first: int, last: int) -> str:
        start, end = characters(hit.encoding, first, last, self._full_words)
        return hit.text[start:end].strip()


def _by_spans(of_hits: list[list[Logits]], longest: int) -> tuple[list[float], float]:
    """The logit of each hit's best span, and the range of a question's."""
    strengths = [
        max(float(best_spans(one.start, one.end, longest, 1)[2][0]) for one in of_hit)
        for of_hit in of_hits
    ]
    logits = list(chain.from_iterable(of_hits))
    reach = sum(
        max(float(values.max()) for values in side) - min(float(values.min()) for values in side)
        for side in ([one.start for one in logits], [one.end for one in logits])
    )
    return strengths, reach


def _by_relevance(logits: list[list[Logits]]) -> tuple[list[float], float]:
    """The relevance of each hit, and its range from 0: rounding goes with the distance from it."""
    strengths = [max(one.relevance or 0.0 for one in of_hit) for of_hit in logits]
    return strengths, max(*strengths, 0.0) - min(*strengths, 0.0)


def _by_question(hits: Sequence[_Hit]) -> dict[int, list[_Hit]]:
    groups: dict[int, list[_Hit]] = {}
    for hit in hits:
        groups.setdefault(hit.question, []).append(hit)
    return groups


def _parts(ranked: Ranked) -> Iterator[slice]:
    """Hits of several whole questions, about as many as are read at once."""
    start = end = 0
    for _, hits in ranked.groups():
        if hits.stop - start > _HITS_AT_ONCE and end > start:
            yield slice(start, end)
            start = end
        end = hits.stop
    if end > start:
        yield slice(start, end)
