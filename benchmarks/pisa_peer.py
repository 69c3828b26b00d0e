"""PISA beside us: its engine alone, out of the wheel of pyterrier-pisa, over the same terms.

    pip download --no-deps -d WHEELS pyterrier-pisa 'tbb<=2020.3.254'

The wheel would bring PyTerrier and lay headers into the environment; its engine is one shared
library that needs TBB and nothing else. The index is written in PISA's plain form from our
postings, so that terms, counts and lengths are the same.
"""

from __future__ import annotations

import ctypes
import importlib.util
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np


def there(wheels: str) -> bool:
    """Whether both wheels are in the folder."""
    folder = Path(wheels)
    return any(folder.glob("pyterrier_pisa-*.whl")) and any(folder.glob("tbb-*.whl"))


def engine(wheels: str, folder: Path) -> Any:
    """PISA's module, unpacked into ``folder``."""
    for pattern, inside in (("tbb-*.whl", "libtbb.so.2"), ("pyterrier_pisa-*.whl", "_pisathon")):
        wheel = next(Path(wheels).glob(pattern))
        with zipfile.ZipFile(wheel) as archive:
            name = next(
                name for name in archive.namelist()
                if Path(name).name.startswith(inside) and ".so" in name
            )  # fmt: skip
            archive.extract(name, folder)
        library = folder / name
        if inside == "libtbb.so.2":
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    spec = importlib.util.spec_from_file_location("_pisathon", library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_index(module: Any, postings: Any, folder: Path) -> float:
    """PISA's plain index of our postings; seconds."""
    start = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    count = postings.passages
    names = "\n".join(map(str, range(count)))
    (folder / "fwd.documents").write_text(names + "\n")
    (folder / "fwd.terms").write_text("\n".join(postings.vocabulary.to_pylist()) + "\n")
    pointers = postings.pointers
    places = np.arange(len(pointers) - 1) + pointers[:-1]
    for name, values in (("docs", postings.rows), ("freqs", postings.values)):
        lists = np.empty(len(values) + len(pointers) - 1, dtype=np.uint32)
        lists[places] = np.diff(pointers)
        rest = np.ones(len(lists), dtype=bool)
        rest[places] = False
        lists[rest] = values
        head = np.array([1, count] if name == "docs" else [], dtype=np.uint32)
        (folder / f"inv.{name}").write_bytes(head.tobytes() + lists.tobytes())
    sizes = np.concatenate([[count], postings.lengths]).astype(np.uint32)
    (folder / "inv.sizes").write_bytes(sizes.tobytes())
    module.build_binlex(str(folder / "fwd.documents"), str(folder / "fwd.doclex"))
    module.build_binlex(str(folder / "fwd.terms"), str(folder / "fwd.termlex"))
    return time.perf_counter() - start


def opened(module: Any, folder: Path, encoding: str = "block_simdbp") -> tuple[Any, float]:
    """PISA's index compressed and opened for BM25, and how long that took."""
    start = time.perf_counter()
    context = module.RetrievalContext()
    module.prepare_index(
        context, str(folder), encoding, "bm25", "",
        quantize=0, stop_fname="", bm25_k1=0.9, bm25_b=0.4,
    )  # fmt: skip
    return context, time.perf_counter() - start


def searched(
    module: Any, context: Any, questions: list[dict[str, float]], depth: int, threads: int
) -> tuple[list[np.ndarray], list[np.ndarray], float]:
    """Rows and scores of each question by MaxScore, and the seconds of the call.

    Scores are divided by k1 + 1, which PISA has above the fraction and Lucene has not.
    """
    shape = (len(questions) * depth,)
    owners, ranks = np.empty(shape, np.int32), np.empty(shape, np.int32)
    names, scores = np.empty(shape, object), np.empty(shape, np.float32)
    start = time.perf_counter()
    size = module.retrieve(
        context, "maxscore", list(enumerate(questions)), k=depth, threads=threads,
        query_weighted=1, pretokenised=True, result_qidxs=owners, result_docnos=names,
        result_ranks=ranks, result_scores=scores,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    order = np.lexsort((ranks[:size], owners[:size]))
    bounds = np.searchsorted(owners[order], np.arange(1, len(questions)))
    rows = np.array([int(name) for name in names[:size]], dtype=np.int64)[order]
    return np.split(rows, bounds), np.split(scores[:size][order] / 1.9, bounds), seconds
