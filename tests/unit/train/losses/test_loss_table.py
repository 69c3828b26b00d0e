"""Losses of settings: each name makes its loss, and what it does not look at is refused."""

from __future__ import annotations

from typing import Any

import pytest

from qa_bench.errors import UserError
from qa_bench.train.losses.cosent import CoSent
from qa_bench.train.losses.kl import Kl
from qa_bench.train.losses.margin_mse import MarginMse
from qa_bench.train.losses.matryoshka import Matryoshka
from qa_bench.train.losses.nll import Nll
from qa_bench.train.losses.piccolo2 import piccolo2
from qa_bench.train.losses.simcse import SimCse
from qa_bench.train.losses.table import LOSSES, LossSettings, loss_of
from qa_bench.train.losses.triplet import Triplet

MADE = [
    ({}, Nll("dot", 1.0, True)),
    ({"similarity": "cosine"}, Nll("cosine", 20.0, True)),
    ({"similarity": "cosine", "scale": 1, "in_batch": False}, Nll("cosine", 1, False)),
    ({"objective": "triplet"}, Triplet("dot", 1.0, 1.0, False)),
    (
        {"objective": "triplet", "similarity": "cosine", "margin": 0.2, "in_batch": True},
        Triplet("cosine", 1.0, 0.2, True),
    ),
    ({"objective": "margin_mse", "similarity": "l2"}, MarginMse("l2")),
    ({"objective": "kl", "temperature": 2}, Kl("dot", 1.0, 2)),
    ({"objective": "cosent"}, CoSent("cosine", 20.0)),
    ({"objective": "cosent", "similarity": "dot"}, CoSent("dot", 1.0)),
    ({"objective": "simcse"}, SimCse("cosine", 20.0, True)),
    ({"objective": "piccolo2"}, piccolo2("cosine", 100.0)),
    ({"objective": "piccolo2", "similarity": "dot"}, piccolo2("dot", 1.0)),
    (
        {"matryoshka": [3, 2], "matryoshka_weights": [1, 0.5]},
        Matryoshka(Nll(), (3, 2), (1, 0.5), False),
    ),
    ({"objective": "ict", "scale": 2}, Nll(scale=2)),
    ({"objective": "simcse_passages", "scale": 2}, SimCse(scale=2)),
    (
        {"objective": "kl", "matryoshka": [2], "matryoshka_normalize": True},
        Matryoshka(Kl(), (2,), (), True),
    ),
]


@pytest.mark.parametrize(("settings", "expected"), MADE)
def test_settings_make_losses(settings: dict[str, Any], expected: Any) -> None:
    assert loss_of(LossSettings(**settings)) == expected


def test_every_name_is_tested() -> None:
    names = {settings.get("objective", "contrastive") for settings, _ in MADE}
    assert names == {name for name, entry in LOSSES.items() if not entry.of_scores}


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"objective": "x"}, "train.objective: contrastive, "),
        ({"similarity": "x"}, "train.similarity: null, dot, cosine or l2, got 'x'"),
        ({"scale": 0}, "train.scale: a number > 0, got '0'"),
        ({"scale": True}, "train.scale: a number > 0, got 'true'"),
        ({"in_batch": 1}, "train.in_batch: true or false, got '1'"),
        ({"objective": "triplet", "margin": -1}, "train.margin: a number >= 0, got '-1'"),
        ({"objective": "kl", "temperature": 0}, "train.temperature: a number > 0, got '0'"),
        ({"margin": 1}, "train.margin: null for train.objective=contrastive"),
        ({"objective": "kl", "in_batch": True}, "train.in_batch: null for train.objective=kl"),
        ({"matryoshka": []}, "train.matryoshka: a list of whole numbers >= 1"),
        ({"matryoshka": [2, 2]}, "train.matryoshka: each size once, got '[2, 2]'"),
        ({"matryoshka_weights": [1]}, "train.matryoshka_weights: null without train.matryoshka"),
        (
            {"matryoshka": [2, 3], "matryoshka_weights": [1]},
            "train.matryoshka_weights: one for each of the 2 sizes",
        ),
        (
            {"matryoshka": [2], "matryoshka_weights": [0]},
            "train.matryoshka_weights: a number > 0, got '0'",
        ),
        ({"objective": "m3_distillation", "matryoshka": [2]}, "train.matryoshka: null for"),
        ({"objective": "m3_distillation"}, "train.objective=m3_distillation needs a model of"),
    ],
)
def test_what_is_refused(settings: dict[str, Any], line: str) -> None:
    with pytest.raises(UserError) as caught:
        loss_of(LossSettings(**settings))
    assert str(caught.value).startswith(line)


def test_what_examples_must_have() -> None:
    def needs(**settings: Any) -> tuple[bool, bool]:
        loss = loss_of(LossSettings(**settings))
        return loss.graded, loss.mined

    assert needs() == (False, False)
    assert needs(in_batch=False) == needs(objective="triplet") == (False, True)
    assert needs(objective="margin_mse") == needs(objective="kl", matryoshka=[2]) == (True, True)
    assert needs(objective="cosent") == (True, False)
