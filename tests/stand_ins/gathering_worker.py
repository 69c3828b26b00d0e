"""One of several processes that learn together.

    python gathering_worker.py RANK COUNT FOLDER

reads ``FOLDER/RANK.npz`` (features of questions and passages, own, masked, teacher, and what is
masked elsewhere), takes a step of each loss through DistributedDataParallel and writes losses and
averaged gradients to ``FOLDER/RANK.out.npz``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.train.caching import cached_backward
from qa_bench.train.losses.batch import Batch
from qa_bench.train.losses.gathering import gather
from qa_bench.train.losses.kl import Kl
from qa_bench.train.losses.nll import Nll
from qa_bench.train.losses.triplet import Triplet

LOSSES: dict[str, Any] = {"nll": Nll(), "triplet": Triplet("l2", in_batch=True), "kl": Kl()}


def encoder(size: int) -> Any:
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(size, 5), torch.nn.Tanh()).double()


def gradients(model: Any) -> np.ndarray:
    return np.concatenate([weight.grad.numpy().ravel() for weight in model.parameters()])


def main(rank: int, count: int, folder: Path) -> None:
    import torch
    from torch import distributed

    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=count
    )
    with np.load(folder / f"{rank}.npz") as file:
        parts = {name: torch.from_numpy(file[name]) for name in file.files}
    questions = len(parts["questions"])
    features = torch.cat([parts["questions"], parts["passages"]])
    pairs = [parts[name] for name in ("own", "masked", "teacher")]
    results = {}
    for name, loss in LOSSES.items():

        def of_vectors(vectors: Any, loss: Any = loss) -> Any:
            batch = Batch(vectors[:questions], vectors[questions:], *pairs)
            return loss(gather(batch, parts["elsewhere"]))

        model = torch.nn.parallel.DistributedDataParallel(encoder(features.shape[1]))
        value = of_vectors(model(features))
        value.backward()
        results[name] = np.append(gradients(model), value.item())
        # The same by gradient caching; the mean over processes is taken by hand.
        alone = encoder(features.shape[1])
        value = cached_backward(alone, features.split(3), of_vectors)
        slope = torch.from_numpy(gradients(alone))
        distributed.all_reduce(slope)
        results[f"{name}-cached"] = np.append(slope.numpy() / count, value)
    np.savez(folder / f"{rank}.out.npz", **results)
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
