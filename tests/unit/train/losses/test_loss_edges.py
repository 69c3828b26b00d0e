"""Losses where there is little to learn from, where scores are huge, and where precision is low."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from loss_batches import arrays, tensors

from qa_bench.errors import UserError
from qa_bench.formats.dpr_training import Example, TrainingPassage
from qa_bench.train.losses.batch import Batch
from qa_bench.train.losses.cosent import CoSent
from qa_bench.train.losses.kl import Kl
from qa_bench.train.losses.margin_mse import MarginMse
from qa_bench.train.losses.matryoshka import Matryoshka
from qa_bench.train.losses.nll import Nll
from qa_bench.train.losses.piccolo2 import piccolo2
from qa_bench.train.losses.simcse import SimCse, with_themselves
from qa_bench.train.losses.similarities import SIMILARITIES
from qa_bench.train.losses.triplet import Triplet
from qa_bench.types import Passage

PLAIN = [Nll(), Nll(in_batch=False), Triplet(), Triplet(in_batch=True), SimCse()]
GRADED = [MarginMse(), Kl(), CoSent()]


def name_of(loss: Any) -> str:
    return repr(loss)


def graded() -> Batch:
    return tensors(arrays(3))


def slopes(loss: Any, batch: Batch) -> list[Any]:
    import torch

    return list(torch.autograd.grad(loss(batch), batch[:2]))


@pytest.mark.parametrize("loss", PLAIN, ids=name_of)
def test_one_question_alone_teaches_nothing(loss: Any) -> None:
    batch = tensors(arrays(1, (0,)))
    assert float(loss(batch).detach()) == 0
    assert all(not slope.any() for slope in slopes(loss, batch))


@pytest.mark.parametrize("loss", PLAIN, ids=name_of)
def test_where_all_is_masked_nothing_is_learnt(loss: Any) -> None:
    """The positive takes part whatever is said of it."""
    batch = graded()
    batch = batch._replace(masked=batch.own | True)
    assert float(loss(batch).detach()) == 0
    assert all(not slope.any() for slope in slopes(loss, batch))


@pytest.mark.parametrize("loss", PLAIN, ids=name_of)
def test_what_is_masked_gets_no_gradient(loss: Any) -> None:
    batch = graded()
    masked = batch.masked.clone()
    masked[:, 4] = True
    first, second = slopes(loss, batch._replace(masked=masked))
    assert first.any()
    assert not second[4].any()
    assert slopes(loss, batch._replace(masked=batch.own & False))[1][4].any()


@pytest.mark.parametrize("loss", GRADED, ids=name_of)
def test_without_a_teacher_one_line_says_so(loss: Any) -> None:
    batch = graded()
    assert batch.teacher is not None
    for teacher in (None, batch.teacher * np.nan):
        with pytest.raises(UserError, match=r"train\.objective=\w+: no .* (scores|label)"):
            loss(batch._replace(teacher=teacher))


@pytest.mark.parametrize("loss", GRADED, ids=name_of)
def test_what_has_no_score_gets_no_gradient(loss: Any) -> None:
    """And no nan anywhere."""
    batch = graded()
    assert batch.teacher is not None
    teacher = batch.teacher.clone()
    teacher[0] = np.nan
    first, second = slopes(loss, batch._replace(teacher=teacher))
    assert bool(first.isfinite().all() and second.isfinite().all())
    assert first[1:].any()
    assert not first[0].any()


def test_one_score_is_no_distribution() -> None:
    batch = tensors(arrays(1, (0, 0)))
    with pytest.raises(UserError, match="of one there is nothing to learn"):
        Kl()(batch._replace(teacher=batch.own.double()))


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("kind", [Nll, Triplet, MarginMse, Kl, CoSent, SimCse])
def test_huge_scores_do_not_overflow(kind: Any, similarity: str) -> None:
    """Scores of 1e10 in float32: what is lost is the small share, not the number."""
    import torch

    batch = tensors(arrays(3), torch.float32)
    questions, passages = (part.detach() * 1e5 for part in batch[:2])
    batch = batch._replace(questions=questions.requires_grad_(), passages=passages.requires_grad_())
    loss = kind(similarity=similarity)
    value = float(loss(batch).detach())
    assert np.isfinite(value)
    assert value > 0
    assert all(slope.isfinite().all() for slope in slopes(loss, batch))


@pytest.mark.parametrize("loss", [*PLAIN, *GRADED, Matryoshka(Nll(), (2, 3))], ids=name_of)
def test_losses_are_taken_in_float32(loss: Any) -> None:
    """Whatever the vectors were made in, and under autocast."""
    import torch

    batch = tensors(arrays(3), torch.bfloat16)
    wide = batch._replace(questions=batch.questions.float(), passages=batch.passages.float())
    expected = loss(wide)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(batch)
        again = loss(wide)
    assert value.dtype == torch.float32
    assert value.tolist() == again.tolist() == expected.tolist()
    assert slopes(loss, batch)[0].dtype == torch.bfloat16


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_towers_of_different_sizes(similarity: str) -> None:
    batch = graded()
    with pytest.raises(UserError, match="questions have 2 dimensions, passages 3"):
        Nll(similarity)(batch._replace(questions=batch.questions[:, :2]))


def test_matryoshka_of_more_dimensions_than_there_are() -> None:
    with pytest.raises(UserError, match=r"train\.matryoshka: at most the model's 3 dimensions"):
        Matryoshka(Nll(), (2, 4))(graded())


def test_piccolo2_knows_the_task() -> None:
    with pytest.raises(UserError, match="task 'x': there are losses for retrieval, pairs, classes"):
        piccolo2()(graded()._replace(task="x"))


def test_simcse_encodes_a_text_twice() -> None:
    passage = TrainingPassage(Passage("1", "a", "b"))
    examples = [
        Example("", "one", [], [], [], []),
        Example("", "two", [], [passage], [], [passage]),
    ]
    first, second = with_themselves(examples)
    assert [part.passage for part in first.positives] == [Passage("", "", "one")]
    assert second is examples[1]
