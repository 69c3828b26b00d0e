"""How anything learns: the loop over batches, and going on after a kill.

The same files, settings and seed give the same bytes on a CPU (with as many threads); a GPU's sums
may differ in their last bits. What is random in a step comes from the seed and the step's number
alone, so that a run that goes on from a checkpoint ends as one that never stopped.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeVar

import numpy as np

from qa_bench.engine.shards import Shards
from qa_bench.errors import UserError
from qa_bench.models.checkpoint import quiet
from qa_bench.models.trainable import set_attention, set_dropout, trainable
from qa_bench.runtime.devices import devices, torch_threads
from qa_bench.runtime.progress import progress
from qa_bench.settings import number, one_of, whole_number
from qa_bench.train import ranks
from qa_bench.train.lookups import collected
from qa_bench.train.optimizer import adamw, read_state, write_state
from qa_bench.types import Runtime

if TYPE_CHECKING:
    from qa_bench.store.passages import Passages

log = logging.getLogger(__name__)

MODEL_FOLDER = "model"
_POOL = 50
"""Batches whose examples are sorted by length together: less padding."""
_CLIP = 1.0
"""Largest length of the gradient, as in BERT's own fine-tuning."""


@dataclass(frozen=True)
class Settings:
    """How to train: what means the same whatever is trained; each kind has more of its own.

    Attributes:
        objective: what is learnt; each kind says which there are.
        epochs: times every example is seen.
        batch: questions a step.
        learning_rate: its peak; it rises linearly from 0, then falls linearly to 0.
        warmup: the part of the steps in which it rises.
        weight_decay: of AdamW, without biases and layer norms.
        dropout: of all layers that have one; None for the model's own.
        precision: fp32, or bf16 for the forward pass.
        seed: of new weights, the order and dropout.
        checkpoint: steps from one checkpoint to the next.
        later: settings that there have not always been, with the value that changes nothing: what
            was trained before is reused where they have it.
    """

    later: ClassVar[Mapping[str, Any]] = {}

    objective: str = ""
    epochs: int = 2
    batch: int = 16
    learning_rate: float = 5e-5
    warmup: float = 0.1
    weight_decay: float = 0.01
    dropout: float | None = None
    precision: str = "fp32"
    seed: int = 0
    checkpoint: int = 200

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: one is out of range.
        """
        one_of("train.precision", self.precision, ("fp32", "bf16"))
        whole_number("train.epochs", self.epochs)
        whole_number("train.batch", self.batch)
        whole_number("train.seed", self.seed, 0)
        whole_number("train.checkpoint", self.checkpoint)
        number("train.learning_rate", self.learning_rate, 0, 1)
        number("train.warmup", self.warmup, 0, 1)
        number("train.weight_decay", self.weight_decay, 0, 1)
        number("train.dropout", self.dropout, 0, 1, optional=True)

    @property
    def of_passages(self) -> bool:
        """Whether it learns from the line's passages, and from no files of examples."""
        return False

    @property
    def tokens(self) -> float | None:
        """About how many tokens of an example are read; None where nobody reckons it."""
        return None

    @property
    def words(self) -> float:
        """The part of them that a head names, out of all words there are."""
        return 0.0


Kind = TypeVar("Kind", bound=Settings)


def settings_of(kind: type[Kind], options: Mapping[str, Any]) -> Kind:
    """The settings that options name, with defaults for the rest.

    Raises:
        UserError: one is out of range, or there is no such setting.
    """
    names = [field.name for field in fields(kind)]
    for name in options:
        if name not in names:
            there = sorted({*names, *FILES})
            raise UserError(f"train.{name}: no such setting here; there are {', '.join(there)}")
    for field in fields(kind):
        if field.name not in options and field.default is MISSING is field.default_factory:
            raise UserError(f"train.{field.name}: set it")
    return kind(**options)


FILES = (
    *("data", "articles", "source", "sources", "mixture", "passages", "examples"),
    *("base", "before"),
)
"""The settings that say what is learnt from, and what is trained further."""


class TrainingFiles(NamedTuple):
    """What is learnt from.

    Attributes:
        data: the files of examples; none where the line's passages are learnt from.
        articles: JSON Lines of the articles that paragraph numbers mean; None where there are none.
        examples: how many examples are drawn; None for all.
        passages: the line's passages, where they are learnt from.
    """

    data: list[Path]
    articles: Path | None = None
    examples: int | None = None
    passages: Passages | None = None


Autocast = Callable[[], AbstractContextManager[Any]]
"""Makes the context in which a forward pass has the precision that was set."""


class Task(Protocol):
    """What is learnt: items, and the loss of some of them. Derive tasks from this class.

    Attributes:
        lengths: of each item's longest sequence, in tokens; (items,). Items of like length make a
            batch.
        tokens: of each item in all; (items,).
        sequences: of all items.
        counts: what became of the items in the steps so far, for the manifest.
    """

    lengths: np.ndarray
    tokens: np.ndarray
    sequences: int
    counts: dict[str, int] = {}  # noqa: RUF012  # a default that nobody changes

    def loss(self, model: Any, places: np.ndarray) -> Any:
        """The mean loss of the items at ``places``, a scalar tensor on the model's device."""
        ...

    def backward(self, model: Any, places: np.ndarray, autocast: Autocast) -> float:
        """Add the gradient of the items' mean loss to the model's; return the loss."""
        with autocast():
            loss = self.loss(model, places)
        value = float(loss.detach())
        loss.backward()
        return value

    def order(self, epoch: int, random: np.random.Generator, batch: int) -> list[np.ndarray]:
        """The places of the items of each step of an epoch, as many steps in each epoch.

        Another order each epoch; items of like length are together, for less padding.

        Args:
            epoch: its number, from 0.
            random: what is drawn from, the same for the same seed and epoch.
            batch: items a step.
        """
        order = random.permutation(len(self.lengths))
        pool = _POOL * batch
        pools = [order[first : first + pool] for first in range(0, len(order), pool)]
        order = np.concatenate([one[np.argsort(self.lengths[one], kind="stable")] for one in pools])
        steps = -(-len(order) // batch)
        return [order[at * batch : (at + 1) * batch] for at in random.permutation(steps)]


def learn(
    build: Callable[[], tuple[Any, Any, Task]], settings: Settings, folder: Path, runtime: Runtime
) -> dict[str, Any]:
    """Train a model and write it to ``folder/model``.

    It writes itself (``save(folder)``), or is written as transformers writes its own. Checkpoints
    lie beside it until it is done.

    Args:
        build: gives model, tokenizer (None where the model saves its own) and task; called once
            the seed is set, since a new head's weights are drawn.
        settings: how.
        folder: it finds its unfinished work there after a kill.
        runtime: device, threads and progress.

    Returns:
        Counts: sequences, tokens, steps, mean loss of the last tenth of the steps.

    Raises:
        UserError: there is nothing to learn from, the model does not suit, or the loss is not a
            number.
    """
    import torch

    several = devices(runtime)
    device = several[ranks.rank() % len(several)]
    with torch_threads(runtime.workers):
        torch.manual_seed(settings.seed)
        model, tokenizer, task = build()
        set_dropout(model, settings.dropout)
        if device.type == "cpu":
            # With dropout sdpa takes twice as long there.
            set_attention(model, "sdpa" if settings.dropout == 0 else "eager")
        run = _Run(model.to(device), task, settings)
        loss = run.all_steps(Shards(folder, "checkpoint", ".safetensors", last_only=True), runtime)
        if ranks.rank() == 0:
            target = folder / MODEL_FOLDER
            shutil.rmtree(target, ignore_errors=True)
            with quiet():
                _write(run.model.cpu().eval(), tokenizer, target)
    return {**run.size, **task.counts, "loss": round(loss, 4)}


def _write(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write a model as it writes itself, or as transformers writes its own."""
    if hasattr(model, "save"):
        model.save(folder)
        return
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


class _Run:
    """A model on its way through all steps."""

    def __init__(self, model: Any, task: Task, settings: Settings) -> None:
        self.model, self._task, self._settings = model, task, settings
        self._epochs: dict[int, list[np.ndarray]] = {}
        self._an_epoch = len(self._batches(0))
        self._steps = settings.epochs * self._an_epoch
        self.size = {
            "sequences": task.sequences,
            "tokens": int(task.tokens.sum()) * settings.epochs,
            "steps": self._steps,
        }
        self._optimizer = adamw(model, settings.weight_decay)

    def all_steps(self, shards: Shards, runtime: Runtime) -> float:
        """Go on from the last checkpoint to the end; the mean loss of the last tenth of steps."""
        notes = shards.finished()
        losses: list[float] = notes[-1]["losses"] if notes else []
        self.model.train()
        self._tell_cost(self._steps - len(losses))
        if notes:
            path = shards.data(len(notes) - 1)
            read_state(path, self.model, self._optimizer, notes[-1]["step"])
            self._task.counts.update(notes[-1]["counts"])
            log.info("train: going on after step %d of %d", notes[-1]["step"], self._steps)
        number = len(notes)
        if ranks.rank() == 0:
            for old in range(number - 1):  # of a run killed between one checkpoint and the next
                shards.data(old).unlink(missing_ok=True)
        with progress(self._steps, "train", "steps", runtime) as bar:
            bar.update(len(losses))
            for step in range(len(losses), self._steps):
                losses.append(self._step(step))
                bar.set_postfix(loss=f"{np.mean(losses[-20:]):.3f}", refresh=False)
                bar.update()
                due = (step + 1) % self._settings.checkpoint == 0 and step + 1 < self._steps
                if due and ranks.rank() == 0:
                    note = {"step": step + 1, "losses": losses, "counts": self._task.counts}
                    with shards.write(number, note) as path:
                        write_state(path, self.model, self._optimizer)
                    shards.data(number - 1).unlink(missing_ok=True)
                    number += 1
        if ranks.rank() == 0:
            shards.data(number - 1).unlink(missing_ok=True)
        return float(np.mean(losses[-max(1, self._steps // 10) :]))

    def _tell_cost(self, steps: int) -> None:
        """Say what is to come, by the time that a step at a rate of 0 takes now."""
        batch = self._batch(0)
        tokens, counts = int(self._task.tokens[batch].sum()), dict(self._task.counts)
        for _ in range(2):  # the first is slower
            clock = time.perf_counter()
            self._backward(batch)
            self._learn(0.0)
            seconds = time.perf_counter() - clock
        self._optimizer.state.clear()
        self._task.counts.update(counts)
        tokens_left = self.size["tokens"] * steps / self._steps
        log.info(
            "train: %s sequences; %s steps to go, %.1f million tokens at %s a second: "
            "about %.0f min",
            f"{self.size['sequences']:,}",
            f"{steps:,}",
            tokens_left / 1e6,
            f"{tokens / seconds:,.0f}",
            max(1, tokens_left / tokens * seconds / 60),
        )

    def _batch(self, step: int) -> np.ndarray:
        """Places of a step's items."""
        epoch, place = divmod(step, self._an_epoch)
        return self._batches(epoch)[place]

    def _batches(self, epoch: int) -> list[np.ndarray]:
        """Those of an epoch; the last one that was asked for stays."""
        if epoch not in self._epochs:
            random = np.random.default_rng([self._settings.seed, epoch])
            self._epochs = {epoch: self._task.order(epoch, random, self._settings.batch)}
        return self._epochs[epoch]

    def _autocast(self) -> AbstractContextManager[Any]:
        import torch

        device = next(self.model.parameters()).device
        bf16 = self._settings.precision == "bf16"
        return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16)

    def _step(self, step: int) -> float:
        import torch

        # Another dropout in each process, and the same one in the first as where it is alone.
        torch.manual_seed((self._settings.seed << 32) + (ranks.rank() << 24) + step)
        value = self._backward(self._batch(step))
        if not np.isfinite(value):
            raise UserError(
                f"the loss of step {step + 1} is {value}: set a lower train.learning_rate, or "
                "train.precision=fp32"
            )
        self._learn(self._settings.learning_rate * self._slope(step))
        return value

    def _backward(self, batch: np.ndarray) -> float:
        """Give the weights the gradient of a step's loss; return the loss."""
        with collected(self.model):
            return self._task.backward(self.model, batch, self._autocast)

    def _learn(self, rate: float) -> None:
        import torch

        ranks.add_up(weight for _, weight in trainable(self.model))
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), _CLIP)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        self._optimizer.zero_grad()

    def _slope(self, step: int) -> float:
        """The part of the peak learning rate; (step + 1) / rising steps, then down to 0."""
        rising = max(1, round(self._settings.warmup * self._steps))
        if step < rising:
            return (step + 1) / rising
        return (self._steps - step) / max(1, self._steps - rising)
