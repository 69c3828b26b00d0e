"""What the extractive reader is taught: SQuAD's spans, DPR's, or Multi-passage BERT's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from qa_bench.models.new_heads import dpr_reader_to_train, pointer_to_train
from qa_bench.models.source import Source
from qa_bench.reader.extractive.layout import Layout, Padding, Window, tokens_of
from qa_bench.reader.extractive.lessons import Lesson


class Item(NamedTuple):
    """An example as tokens.

    Attributes:
        windows: the sequence with the answers first; then those without.
        spans: first and last token of each answer in its sequence, int64 (spans, 2); none where
            there is no answer.
        homes: the sequence that each lies in, a place in ``windows``; (spans,). None where all lie
            in the first.
    """

    windows: list[Window]
    spans: np.ndarray
    homes: np.ndarray | None = None


class Batch(NamedTuple):
    """Items as tensors.

    Attributes:
        arguments: the model's arguments, (sequences, tokens).
        firsts: each item's first sequence; (items,).
        owners: each sequence's item; (sequences,).
        spans: of each item.
        homes: of each item.
        own: which tokens are the passage's; bool (sequences, tokens).
    """

    arguments: dict[str, Any]
    firsts: Any
    owners: Any
    spans: list[np.ndarray]
    homes: list[np.ndarray | None]
    own: Any


class Objective(Protocol):
    """A way to teach."""

    contrasts: bool
    """Whether it takes passages without an answer beside the one with it."""

    def model(self, source: Source) -> Any:
        """The model to train, its head new where it has none."""
        ...

    def items(self, layout: Layout, lessons: Sequence[Lesson], negatives: int) -> list[Item]:
        """The lessons as tokens."""
        ...

    def loss(self, output: Any, batch: Batch) -> Any:
        """The loss of a batch from what the model gave, a mean over its items."""
        ...


def batch_of(items: Sequence[Item], padding: Padding, device: Any) -> Batch:
    """Items as tensors, shorter sequences padded."""
    import torch

    windows = [window for item in items for window in item.windows]
    arrays = padding.arrays(windows)
    own = np.zeros(arrays["input_ids"].shape, dtype=bool)
    for row, window in enumerate(windows):
        own[row, window.at : window.at + window.size] = True
    sizes = np.array([len(item.windows) for item in items])
    return Batch(
        {name: torch.from_numpy(array).to(device) for name, array in arrays.items()},
        torch.from_numpy(np.cumsum(sizes) - sizes).to(device),
        torch.from_numpy(np.repeat(np.arange(len(items)), sizes)).to(device),
        [item.spans for item in items],
        [item.homes for item in items],
        torch.from_numpy(own).to(device),
    )


class SpanObjective:
    """Plain SQuAD: cross entropy of the answer's start and end over the tokens of a sequence.

    A window without the answer points at its first token, ``[CLS]``. As BERT's
    ``run_squad.py`` (Devlin et al. 2019).
    """

    contrasts = False

    def model(self, source: Source) -> Any:
        """Any encoder of transformers with a head for question answering."""
        return pointer_to_train(source)

    def items(self, layout: Layout, lessons: Sequence[Lesson], negatives: int) -> list[Item]:
        """Every window of every positive passage; the first of the answers counts."""
        items = []
        for question, title, text, lesson in _tokens(layout, lessons):
            target = tokens_of(text, *lesson.spans[0])
            if target is None:
                continue
            ids = np.array(text.ids, dtype=np.int32)
            for window in layout.windows(question, title, ids):
                items.append(Item([window], _inside(window, [target])))
        return items

    def loss(self, output: Any, batch: Batch) -> Any:
        """Mean of the two cross entropies, as BertForQuestionAnswering has it."""
        import torch

        device = output.start_logits.device
        targets = np.array([spans[0] if len(spans) else (0, 0) for spans in batch.spans])
        labels = torch.from_numpy(targets).to(device, torch.int64)
        losses = [
            torch.nn.functional.cross_entropy(_masked(logits, batch), labels[:, side])
            for side, logits in enumerate((output.start_logits, output.end_logits))
        ]
        return (losses[0] + losses[1]) / 2


class DprObjective:
    """DPR's reader: which of a question's passages holds the answer, and where it lies there.

    The loss of a question is ``-log P(positive) - log Σ P_start(s) P_end(e)``, the first a softmax
    over its passages' relevance, the sum over the places of its answers in the positive one.
    Source: Karpukhin et al. 2020, section 6.1; ``compute_loss`` of DPR's code, which sums over a
    batch where this takes the mean, and lets padding take part in the softmax.
    """

    contrasts = True

    def model(self, source: Source) -> Any:
        """A ``DPRReader``; around a BERT's weights, and its head's if it points at answers."""
        return dpr_reader_to_train(source)

    def items(self, layout: Layout, lessons: Sequence[Lesson], negatives: int) -> list[Item]:
        """The first window of the positive with an answer, the first of each negative."""
        others = _others(layout, lessons, negatives)
        items = []
        for question, title, text, lesson in _tokens(layout, lessons):
            without = [next(others) for _ in lesson.negatives[:negatives]]
            targets = [target for span in lesson.spans if (target := tokens_of(text, *span))]
            ids = np.array(text.ids, dtype=np.int32)
            for window in layout.windows(question, title, ids):
                inside = _inside(window, targets)
                if len(inside):
                    rest = [layout.windows(question, *other)[:1] for other in without]
                    items.append(Item([window, *(one for some in rest for one in some)], inside))
                    break
        return items

    def loss(self, output: Any, batch: Batch) -> Any:
        """Passage selection and the answers' places, a mean over the questions."""
        import torch

        relevance = output.relevance_logits.float()
        starts = _masked(output.start_logits, batch)[batch.firsts].log_softmax(-1)
        ends = _masked(output.end_logits, batch)[batch.firsts].log_softmax(-1)
        losses = []
        for place, spans in enumerate(batch.spans):
            of_item = relevance[batch.owners == place]
            where = torch.from_numpy(spans).to(relevance.device)
            likely = starts[place, where[:, 0]] + ends[place, where[:, 1]]
            losses.append(-of_item.log_softmax(0)[0] - likely.logsumexp(0))
        return torch.stack(losses).mean()


class GlobalObjective:
    """Multi-passage BERT: where in all of a question's passages the answer lies.

    The loss of a question is ``-log Σ P_start(s) P_end(e)`` over the places of its answers, P_start
    and P_end softmaxes over the tokens of all its passages together, and of these alone: what the
    reader compares when it chooses (``aggregation.multi_passage_bert``).
    Source: Wang et al. 2019, Multi-passage BERT (global normalisation); Clark and Gardner 2018,
    Simple and effective multi-paragraph reading comprehension (shared norm, and the sum over
    places).
    """

    contrasts = True

    def model(self, source: Source) -> Any:
        """Any encoder of transformers with a head for question answering."""
        return pointer_to_train(source)

    def items(self, layout: Layout, lessons: Sequence[Lesson], negatives: int) -> list[Item]:
        """All windows of the positive, and of the negatives, as the reader reads all."""
        others = _others(layout, lessons, negatives)
        items = []
        for question, title, text, lesson in _tokens(layout, lessons):
            without = [next(others) for _ in lesson.negatives[:negatives]]
            targets = [target for span in lesson.spans if (target := tokens_of(text, *span))]
            windows = layout.windows(question, title, np.array(text.ids, dtype=np.int32))
            inside = [_inside(window, targets) for window in windows]
            homes = np.repeat(np.arange(len(windows)), [len(spans) for spans in inside])
            for other in without:
                windows += layout.windows(question, *other)
            if len(homes):
                items.append(Item(windows, np.concatenate(inside), homes))
        return items

    def loss(self, output: Any, batch: Batch) -> Any:
        """The answers' places among all, a mean over the questions."""
        import torch

        outside = ~batch.own
        starts = output.start_logits.float().masked_fill(outside, float("-inf"))
        ends = output.end_logits.float().masked_fill(outside, float("-inf"))
        losses = []
        for place, (spans, homes) in enumerate(zip(batch.spans, batch.homes, strict=True)):
            rows = batch.owners == place
            width = starts.shape[1]
            first = np.zeros(len(spans), np.int64) if homes is None else homes * width
            where = torch.from_numpy(spans + first[:, None]).to(starts.device)
            start, end = (one[rows].reshape(-1).log_softmax(0) for one in (starts, ends))
            losses.append(-(start[where[:, 0]] + end[where[:, 1]]).logsumexp(0))
        return torch.stack(losses).mean()


def _masked(logits: Any, batch: Batch) -> Any:
    """Logits in float32; padding cannot be chosen."""
    return logits.float().masked_fill(batch.arguments["attention_mask"] == 0, float("-inf"))


def _tokens(layout: Layout, lessons: Sequence[Lesson]) -> list[tuple[Any, Any, Any, Lesson]]:
    """Question, title, text's encoding, and the lesson they are of."""
    questions = layout.questions([lesson.question for lesson in lessons])
    titles = layout.encodings([lesson.positive.title for lesson in lessons])
    texts = layout.encodings([lesson.positive.text for lesson in lessons])
    ids = [np.array(title.ids, dtype=np.int32) for title in titles]
    return list(zip(questions, ids, texts, lessons, strict=True))


def _others(
    layout: Layout, lessons: Sequence[Lesson], negatives: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The tokens of title and text of each lesson's negatives, lesson by lesson."""
    flat = [text for lesson in lessons for text in lesson.negatives[:negatives]]
    titles = layout.encodings([title for title, _ in flat])
    texts = layout.encodings([text for _, text in flat])
    for title, text in zip(titles, texts, strict=True):
        yield np.array(title.ids, dtype=np.int32), np.array(text.ids, dtype=np.int32)


def _inside(window: Window, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """The spans, told in tokens of the passage, that lie in the window, in tokens of it."""
    pairs = [
        (start - window.first + window.at, end - window.first + window.at)
        for start, end in spans
        if window.first <= start and end < window.first + window.size
    ]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


OBJECTIVES: dict[str, Objective] = {
    "spans": SpanObjective(),
    "dpr": DprObjective(),
    "global": GlobalObjective(),
}
"""Objectives by the name that ``train.objective`` has."""
