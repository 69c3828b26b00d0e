"""What a bi-encoder learns in a step: vectors of questions and passages, and a loss of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from qa_bench.models.sides import Side
from qa_bench.retriever.dense.lessons import Lessons, drawn_negatives
from qa_bench.retriever.dense.settings import BiEncoderSettings
from qa_bench.retriever.dense.tokens import Tokens
from qa_bench.train import ranks
from qa_bench.train.batches import contrastive
from qa_bench.train.caching import cached_backward
from qa_bench.train.loop import Autocast, Task
from qa_bench.train.losses.batch import Batch, Loss

QUESTION, PASSAGE = "question", "passage"


class Step(NamedTuple):
    """A batch by places, before anything is encoded.

    Attributes:
        questions: places of questions, (Q,).
        passages: places of passages, (P,): the questions' own, then the mined ones, each once.
        own: bool (Q, P), as in ``Batch``.
        masked: bool (Q, P), as in ``Batch``.
        teacher: float (Q, P), as in ``Batch``; None where no score is known.
    """

    questions: np.ndarray
    passages: np.ndarray
    own: np.ndarray
    masked: np.ndarray
    teacher: np.ndarray | None


class BiEncoderTask(Task):
    """Questions, each with the passage that answers it and its own negatives; see ``Task``.

    The texts of a step go through the model once each, in pieces of like length, however often a
    passage counts in it.
    """

    def __init__(
        self,
        towers: Any,
        lessons: Lessons,
        sides: tuple[Side, Side],
        loss: Loss,
        settings: BiEncoderSettings,
        layer_norm: bool = False,
    ) -> None:
        """Make tokens of all texts.

        Args:
            towers: see ``models.towers``.
            lessons: what is learnt.
            sides: how the texts of questions and passages are made.
            loss: a function of ``Batch``.
            settings: how.
            layer_norm: vectors are normalised as by a layer norm, as the retriever does.
        """
        self._lessons, self._loss, self._settings = lessons, loss, settings
        self._layer_norm = layer_norm
        of_questions, of_passages = sides
        self._side_of_passages = QUESTION if settings.of_themselves else PASSAGE
        texts = list(lessons.questions)
        titles, bodies = [title for title, _ in lessons.passages], [t for _, t in lessons.passages]
        passages: Sequence[Any] = of_passages.passages(titles, bodies)
        if settings.of_themselves:
            passages = of_questions.questions(bodies)
            of_passages = of_questions
        self._tokens = {
            QUESTION: _tokens(towers, QUESTION, of_questions, of_questions.questions(texts)),
            PASSAGE: _tokens(towers, self._side_of_passages, of_passages, passages),
        }
        self._golds = lessons.golds
        self._tests = (
            [lessons.test(n) for n in range(len(lessons))] if settings.mask_answers else []
        )
        self._negatives: list[np.ndarray] = drawn_negatives(
            lessons, settings.choice, np.random.default_rng(settings.seed)
        )
        short, long = self._tokens[QUESTION].lengths, self._tokens[PASSAGE].lengths
        own = np.array([long[several].sum() for several in self._negatives], dtype=np.int64)
        self.lengths = np.maximum(short, long[self._golds])
        self.tokens = short + long[self._golds] + own
        self.sequences = 2 * len(lessons) + sum(map(len, self._negatives))
        self.counts = {"masked_positives": 0, "masked_answers": 0}

    def order(self, epoch: int, random: np.random.Generator, batch: int) -> list[np.ndarray]:
        """Random batches, by task where the objective wants that; see ``contrastive``."""
        distinct, batches = self._settings.distinct, []
        for places in self._groups():
            some = contrastive(self._golds[places], batch, random, distinct)
            batches += [places[one] for one in some.places]
        self._negatives = drawn_negatives(self._lessons, self._settings.choice, random)
        if len(self._groups()) > 1:
            return [batches[at] for at in random.permutation(len(batches))]
        return batches

    def _groups(self) -> list[np.ndarray]:
        """The examples whose batches are their own."""
        if not self._settings.by_task:
            return [np.arange(len(self._lessons))]
        labels, codes = np.unique(self._lessons.tasks, return_inverse=True)
        return [np.flatnonzero(codes == code) for code in range(len(labels))]

    def crowding(self) -> dict[str, int]:
        """What it cost over all epochs that no passage answers two questions of a batch."""
        counts = {"moved": 0, "left_out": 0}
        for epoch in range(self._settings.epochs):
            random = np.random.default_rng([self._settings.seed, epoch])
            for places in self._groups():
                some = contrastive(
                    self._golds[places], self._settings.batch, random, self._settings.distinct
                )
                counts["moved"] += some.moved
                counts["left_out"] += some.left_out
        return counts

    def step(self, places: np.ndarray) -> Step:
        """The batch of the examples at ``places``; what is masked is counted."""
        golds = self._golds[places]
        mined = [one for place in places.tolist() for one in self._negatives[place].tolist()]
        known = set(golds.tolist())
        others = [one for one in dict.fromkeys(mined) if one not in known]
        passages = np.concatenate([golds, np.array(others, dtype=np.int64)])
        column = {one: at for at, one in reversed(list(enumerate(passages.tolist())))}
        own = np.zeros((len(places), len(passages)), dtype=bool)
        masked = np.zeros_like(own)
        for row, place in enumerate(places.tolist()):
            own[row, row] = True
            own[row, [column[one] for one in self._negatives[place].tolist()]] = True
            masked[row] = np.isin(passages, self._lessons.positives[place])
            masked[row, row] = False
            self.counts["masked_positives"] += int(masked[row].sum())
            if self._tests:
                self._mask_answers(place, row, passages, masked)
        return Step(places, passages, own, masked, self._teacher(places, passages, own))

    def _mask_answers(self, place: int, row: int, passages: np.ndarray, masked: np.ndarray) -> None:
        test = self._tests[place]
        if test is None:
            return
        for at in np.flatnonzero(~masked[row]).tolist():
            title, text = self._lessons.passages[passages[at]]
            if at != row and test(text, title):
                masked[row, at] = True
                self.counts["masked_answers"] += 1

    def _teacher(
        self, places: np.ndarray, passages: np.ndarray, own: np.ndarray
    ) -> np.ndarray | None:
        scores = self._lessons.scores
        if not scores:
            return None
        teacher = np.full(own.shape, np.nan, dtype=np.float32)
        for row, at in np.argwhere(own).tolist():
            teacher[row, at] = scores.get((int(places[row]), int(passages[at])), np.nan)
        return teacher

    def loss(self, model: Any, places: np.ndarray) -> Any:
        """The mean loss of the examples at ``places``; its vectors are held all at once."""
        import torch

        step = self.step(places)
        chunks = self._chunks(model, step, 0, 1)
        vectors = torch.cat([self._vectors(model, chunk) for chunk in chunks])
        return self._of_vectors(vectors, step, chunks)

    def backward(self, model: Any, places: np.ndarray, autocast: Autocast) -> float:
        """See ``Task``; by gradient caching where ``cache`` says so.

        Of several processes (``train.ranks``) each encodes its share of the texts; a gradient is
        that of the whole step when those of all are added up, and the loss is the step's in each.
        """
        import torch

        step, count = self.step(places), ranks.size()
        shares = [self._chunks(model, step, rank, count) for rank in range(count)]
        chunks = [chunk for share in shares for chunk in share]
        counts = [sum(len(places) for _, places in share) for share in shares]
        # One that has no text left encodes one of another's, whose vectors ``joined`` leaves out.
        mine = shares[ranks.rank()] or chunks[:1]

        def encode(chunk: tuple[str, np.ndarray]) -> Any:
            with autocast():
                return self._vectors(model, chunk)

        def loss_of(vectors: Any) -> Any:
            return self._of_vectors(ranks.joined(vectors, counts), step, chunks)

        if self._settings.cache is not None:
            return cached_backward(encode, mine, loss_of)
        loss = loss_of(torch.cat([encode(chunk) for chunk in mine]))
        value = float(loss.detach())
        loss.backward()
        return value

    def _chunks(
        self, model: Any, step: Step, rank: int, count: int
    ) -> list[tuple[str, np.ndarray]]:
        """What goes through the model at once: the side, and places of its texts, each once.

        Args:
            model: the towers.
            step: the batch.
            rank: of the process that encodes them; each has as many long ones.
            count: of processes.
        """
        cpu, chunks = next(model.parameters()).device.type == "cpu", []
        for side, places in ((QUESTION, step.questions), (PASSAGE, step.passages)):
            several, tokens = np.unique(places), self._tokens[side]
            order = np.argsort(-tokens.lengths[several], kind="stable")
            share = several[np.sort(order[rank::count])]
            chunks += [(side, piece) for piece in tokens.pieces(share, self._settings.cache, cpu)]
        return chunks

    def _vectors(self, model: Any, chunk: tuple[str, np.ndarray]) -> Any:
        import torch

        side, places = chunk
        device = next(model.parameters()).device
        route = self._side_of_passages if side == PASSAGE else side
        vectors = model.encode(route, self._tokens[side].features(places, device)).float()
        if self._layer_norm:
            vectors = torch.nn.functional.layer_norm(vectors, vectors.shape[-1:])
        return vectors

    def _of_vectors(
        self, vectors: Any, step: Step, chunks: Sequence[tuple[str, np.ndarray]]
    ) -> Any:
        """The loss of the vectors of all chunks."""
        import torch

        rows: dict[str, dict[int, int]] = {QUESTION: {}, PASSAGE: {}}
        count = 0
        for side, places in chunks:
            for place in places.tolist():
                rows[side][place] = count
                count += 1

        def put(array: Any) -> Any:
            return torch.from_numpy(array).to(vectors.device)

        def picked(side: str, places: np.ndarray) -> Any:
            at = np.array([rows[side][place] for place in places.tolist()], dtype=np.int64)
            return vectors[put(at)]

        return self._loss(
            Batch(
                picked(QUESTION, step.questions),
                picked(PASSAGE, step.passages),
                put(step.own),
                put(step.masked),
                None if step.teacher is None else put(step.teacher),
                self._lessons.tasks[step.questions[0]] if self._settings.by_task else None,
            )
        )


def _tokens(towers: Any, name: str, side: Side, texts: Sequence[Any]) -> Tokens:
    tokenizer = getattr(towers, name)[0].tokenizer

    def preprocess(several: list[Any], prompt: str) -> dict[str, Any]:
        made: dict[str, Any] = towers.preprocess(name, several, prompt)
        return made

    return Tokens(preprocess, texts, side.prompt, int(getattr(tokenizer, "pad_token_id", 0) or 0))
