"""Texts to vectors: a sentence-transformers or transformers encoder, its cores or GPUs kept busy.

Texts of the same number of tokens are encoded together, so that nothing is padded and a vector does
not depend on its neighbours. On a CPU every core runs batches of its own; another thread tokenises
what comes next meanwhile.
"""

from __future__ import annotations

import copy
import importlib.util
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qa_bench.errors import UserError
from qa_bench.retriever.torch_tools import devices, one_thread_each, onednn, worker_threads
from qa_bench.stage import digest, file_digest, write_whole
from qa_bench.types import Runtime

if TYPE_CHECKING:
    import torch

Text = str | tuple[str, str]
"""One segment, or two (title and text)."""

_CPU_TOKENS, _GPU_TOKENS = 1024, 65_536
"""Tokens a batch. On a CPU larger ones leave the caches: more memory, and slower from 4096 on."""
_TOKENISED_AT_ONCE = 256


@dataclass(frozen=True)
class Source:
    """A model and how it is used.

    Attributes:
        model: hub name, folder, or ``wheel:<package>/<folder>``.
        revision: commit, tag or branch on the hub; None for the newest.
        architecture: class of transformers whose ``pooler_output`` is the vector; None for what
            sentence-transformers makes of the model.
        pooling: mean, cls, max, lasttoken, weightedmean; None for the model's own.
        pool_prompt: whether pooling sees the prompt's tokens; None for the model's own.
        max_length: tokens a text is cut to; None for the model's own.
        precision: fp32, bf16 or fp16.
        trust_remote_code: run code that comes with the model.
        end_token: let every text end in exactly one end token.
        bidirectional: let a decoder's tokens see those after them.
        sha256: file of the model to the hash it must have.
    """

    model: str
    revision: str | None = None
    architecture: str | None = None
    pooling: str | None = None
    pool_prompt: bool | None = None
    max_length: int | None = None
    precision: str = "fp32"
    trust_remote_code: bool = False
    end_token: bool = False
    bidirectional: bool = False
    sha256: tuple[tuple[str, str], ...] = ()

    def identity(self) -> str:
        """What tells this model's content from another's: its commit, or a hash of its files.

        Raises:
            UserError: there is no such model.
        """
        folder = _folder(self.model)
        if folder is None:
            return _commit(self.model, self.revision)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        names = [str(path.relative_to(folder)) for path in files]
        return digest([[n, file_digest(p)] for n, p in zip(names, files, strict=True)])


class _Tokenised(NamedTuple):
    """Some texts, padding taken off.

    A window of 32,768 passages is kept so: each text's own tensors would take four times as much.

    Attributes:
        names: the features that every token has, beside ``attention_mask``.
        rows: those of each text; int32 of shape (names, tokens).
        others: the features that are not of a token, the same for all texts.
    """

    names: list[str]
    rows: list[np.ndarray]
    others: dict[str, Any]


class Encoder:
    """A loaded model. It encodes for one caller at a time."""

    def __init__(self, source: Source, runtime: Runtime) -> None:
        """Load the model, a copy on every GPU.

        Raises:
            UserError: there is no such model, it needs code of its own, or a hash is wrong.
        """
        self._runtime = runtime
        self._model = source.model
        self._devices = devices(runtime)
        self._on_cpu = self._devices[0].type == "cpu"
        model = _loaded(source)
        if self._on_cpu and source.precision == "fp32" and onednn():
            _quicken(model)
        self._preprocess: Callable[..., dict[str, Any]] = model.preprocess
        every = list(dict.fromkeys(self._devices))
        replicas = {device: model if len(every) == 1 else copy.deepcopy(model) for device in every}
        self._replicas = [replicas[device].to(device) for device in self._devices]

    def encode(
        self,
        windows: Iterable[Sequence[Text]],
        prompt: str = "",
        update: Callable[[int], Any] = int,
    ) -> Iterator[np.ndarray]:
        """The vectors of each window of texts; float32 of shape (texts, dimension).

        A text of no tokens has a vector of zeros.

        Args:
            windows: what is tokenised ahead and sorted by length together.
            prompt: put before each text (the first segment of a pair).
            update: told how many more texts are done.

        Raises:
            UserError: a GPU's memory is too small, or the model takes no padded batches.
        """
        with (
            one_thread_each(self._on_cpu),
            worker_threads(1) as ahead,
            worker_threads(len(self._devices), one_each=self._on_cpu) as pool,
        ):

            def begun(window: Sequence[Text]) -> Iterator[_Tokenised]:
                firsts = range(0, len(window), _TOKENISED_AT_ONCE)
                pieces = [window[first : first + _TOKENISED_AT_ONCE] for first in firsts]
                return ahead.map(partial(self._tokenised, prompt=prompt), pieces)

            for pieces in _one_ahead(map(begun, windows)):
                yield self._window(list(pieces), pool, update)

    def _tokenised(self, texts: Sequence[Text], prompt: str) -> _Tokenised:
        import torch

        batch = dict(self._preprocess(list(texts), prompt=prompt or None))  # not its big original
        if "attention_mask" not in batch:
            raise UserError(f"model {self._model} takes no padded batches of tokens: not supported")
        if "prompt_length" in batch and prompt != prompt.rstrip():
            # A space at the end of the prompt is one token with the word after it.
            alone = self._preprocess(list(texts[:1]), prompt=prompt.rstrip())
            batch["prompt_length"] = alone["prompt_length"]
        there = batch.pop("attention_mask").bool()
        names = [name for name, value in batch.items() if _shape(value) == there.shape]
        stacked = torch.stack([batch.pop(name).to(torch.int32) for name in names], 1).numpy()
        kept = zip(stacked, there.numpy(), strict=True)
        return _Tokenised(names, [one[:, here] for one, here in kept], batch)

    def _window(
        self,
        pieces: list[_Tokenised],
        pool: ThreadPoolExecutor,
        update: Callable[[int], Any],
    ) -> np.ndarray:
        rows = [row for piece in pieces for row in piece.rows]
        batches = list(self._batches(np.array([row.shape[1] for row in rows], dtype=np.int64)))
        free = list(range(len(self._devices)))

        def run(batch: np.ndarray) -> np.ndarray:
            worker = free.pop()
            try:
                return self._forward(pieces[0], [rows[place] for place in batch], worker)
            finally:
                free.append(worker)

        vectors = None
        for batch, found in zip(batches, pool.map(run, batches), strict=True):
            if vectors is None:
                vectors = np.zeros((len(rows), found.shape[1]), dtype=np.float32)
            vectors[batch] = found
            update(len(batch))
        return np.zeros((len(rows), 0), np.float32) if vectors is None else vectors

    def _batches(self, lengths: np.ndarray) -> Iterator[np.ndarray]:
        """Places of texts of the same length, the longest first."""
        order = np.argsort(-lengths, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
            length = int(lengths[group[0]]) if len(group) else 0
            if not length:
                continue
            tokens = _CPU_TOKENS if self._on_cpu else _GPU_TOKENS
            size = self._runtime.batch_size or max(1, tokens // length)
            for first in range(0, len(group), size):
                yield group[first : first + size]

    def _forward(self, like: _Tokenised, rows: list[np.ndarray], worker: int) -> np.ndarray:
        import torch

        device = self._devices[worker]
        try:
            tokens = torch.from_numpy(np.stack(rows, 1)).to(device, torch.int64)
            features = {**like.others, **dict(zip(like.names, tokens, strict=True))}
            features["attention_mask"] = torch.ones_like(features["input_ids"])
            with torch.inference_mode():
                vectors = self._replicas[worker](features)["sentence_embedding"]
            result: np.ndarray = vectors.float().cpu().numpy()
        except torch.cuda.OutOfMemoryError as error:
            raise UserError(
                f"model {self._model}: {device} has too little memory for {len(rows)} texts of "
                f"{rows[0].shape[1]} tokens at once: set runtime.batch_size"
            ) from error
        return result


@lru_cache(maxsize=2)
def loaded_encoder(source: Source, runtime: Runtime) -> Encoder:
    """``Encoder(source, runtime)``; the last two are kept, for the next set of questions."""
    return Encoder(source, runtime)


def _shape(value: Any) -> Any:
    return getattr(value, "shape", None)


def _one_ahead(begun: Iterable[Any]) -> Iterator[Any]:
    """The same, one later: the next has begun when one is handed on."""
    last = None
    for one in begun:
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last


def _quicken(model: Any) -> None:
    """Let the linear layers use oneDNN's product, their weights laid out for it beforehand.

    The values are the same to about 1e-6, and do not depend on how many texts a batch has. The
    plain weights stay where they are, in the mapped file: a model's own code may look at them.
    """
    import torch

    for layer in model.modules():
        if type(layer) is torch.nn.Linear:
            weight = layer.weight.detach()
            laid_out = torch.ops.mkldnn._reorder_linear_weight(weight, _CPU_TOKENS)
            layer.forward = partial(_linear, laid_out, layer.bias)  # type: ignore[method-assign]


def _linear(weight: torch.Tensor, bias: torch.Tensor | None, x: torch.Tensor) -> torch.Tensor:
    import torch

    result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return result


def _loaded(source: Source) -> Any:
    """The model on the CPU, in evaluation mode."""
    with _quiet(), _one_line(source):
        name = _checked(source)
        model = _class_model(name, source) if source.architecture else _sentence_model(name, source)
    return model.eval()


def _sentence_model(name: str, source: Source) -> Any:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        name,
        device="cpu",
        revision=_revision(source),
        trust_remote_code=source.trust_remote_code,
        model_kwargs={"dtype": _dtype(source)},
    )
    if source.bidirectional:
        transformer: Any = model[0]
        transformer.model.config.is_causal = False
    if source.end_token:
        _end(model.tokenizer)
    if source.max_length is not None:
        model.max_seq_length = source.max_length
    _pool(model, source)
    return model.to(_dtype(source))


def _pool(model: Any, source: Source) -> None:
    """Pool as set, where something is."""
    from sentence_transformers.sentence_transformer.modules import Pooling

    if source.pooling is None and source.pool_prompt is None:
        return
    places = [place for place, module in enumerate(model) if isinstance(module, Pooling)]
    if not places:
        raise UserError(f"model {source.model} pools by itself: leave pooling and pool_prompt out")
    for place in places:
        own = model[place]
        seen = own.include_prompt if source.pool_prompt is None else source.pool_prompt
        mode = source.pooling or own.pooling_mode
        model[place] = Pooling(own.embedding_dimension, mode, include_prompt=seen)


def _end(tokenizer: Any) -> None:
    """Let every text end in exactly one end token.

    transformers 5 takes tokenizer.json as it is, whatever add_eos_token in tokenizer_config.json.
    """
    alone = tokenizer("")["input_ids"]
    if tokenizer.eos_token_id not in alone:
        tokenizer.add_bos_token = tokenizer.bos_token_id in alone
        tokenizer.add_eos_token = True


def _class_model(name: str, source: Source) -> Any:
    """A class of transformers as it is: its ``pooler_output`` is the vector."""
    import torch
    import transformers

    kind = getattr(transformers, str(source.architecture), None)
    if kind is None:
        raise UserError(f"transformers has no class '{source.architecture}'")
    common = {"revision": _revision(source), "trust_remote_code": source.trust_remote_code}
    tokenizer = transformers.AutoTokenizer.from_pretrained(name, **common)
    inner = kind.from_pretrained(name, dtype=_dtype(source), **common)
    limit = source.max_length or min(tokenizer.model_max_length, 512)

    class Model(torch.nn.Module):
        """``preprocess`` and ``forward`` as sentence-transformers has them."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def preprocess(self, texts: list[Text], prompt: str | None = None) -> dict[str, Any]:
            rows: list[Any] = [None] * len(texts)
            for paired in (False, True):
                places = [n for n, text in enumerate(texts) if isinstance(text, tuple) == paired]
                if not places:
                    continue
                some = [texts[n] for n in places]
                firsts = [(prompt or "") + (s if isinstance(s, str) else s[0]) for s in some]
                seconds = [s[1] for s in some] if paired else None
                found = tokenizer(firsts, seconds, truncation=True, max_length=limit)["input_ids"]
                for place, ids in zip(places, found, strict=True):
                    rows[place] = {"input_ids": ids}
            # Segment ids stay zero, also of a pair: DPR's are.
            return dict(tokenizer.pad(rows, return_tensors="pt"))

        def forward(self, features: dict[str, Any]) -> dict[str, Any]:
            return {"sentence_embedding": self.inner(**features).pooler_output}

    return Model()


def _dtype(source: Source) -> Any:
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[source.precision]


def _folder(model: str) -> Path | None:
    """Where a model lies on this machine; None for a name on the hub."""
    if model.startswith("wheel:"):
        package, _, inside = model.removeprefix("wheel:").partition("/")
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise UserError(
                f"model {model}: the package is not installed: "
                f"pip install {package.replace('_', '-')}"
            )
        return Path(spec.submodule_search_locations[0]) / inside
    return Path(model) if Path(model).is_dir() else None


def _revision(source: Source) -> str | None:
    return None if _folder(source.model) else _commit(source.model, source.revision)


@cache
def _commit(model: str, revision: str | None) -> str:
    """The commit that a revision of a model on the hub means now; offline, what it last meant."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if revision and len(revision) == 40 and all(c in "0123456789abcdef" for c in revision):
        return revision
    refs = Path(constants.HF_HUB_CACHE) / f"models--{model.replace('/', '--')}" / "refs"
    known = refs / (revision or "main")
    try:
        if constants.HF_HUB_OFFLINE:
            raise ConnectionError("offline")
        commit = str(HfApi().model_info(model, revision=revision).sha)
    except (GatedRepoError, RepositoryNotFoundError) as error:
        raise UserError(_missing(model, error)) from error
    except Exception as error:  # the hub's client passes on those of its network library
        if known.is_file():
            return known.read_text().strip()
        raise UserError(_missing(model, error)) from error
    # The model is fetched by its commit, of which the hub's client keeps no note.
    known.parent.mkdir(parents=True, exist_ok=True)
    write_whole(known, commit)
    return commit


def _missing(model: str, error: BaseException) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (
        f"model {model}: no such folder, and the hub does not give it ({reason[:200]}); is the "
        "name right, and does it need a login (hf auth login)?"
    )


def _checked(source: Source) -> str:
    """The name or folder to load from; its files have the hashes they must have."""
    import hashlib

    folder = _folder(source.model)
    for file, wanted in source.sha256:
        if folder is not None:
            path = folder / file
        else:
            from huggingface_hub import hf_hub_download

            path = Path(hf_hub_download(source.model, file, revision=_revision(source)))
        if not path.is_file():
            raise UserError(f"model {source.model}: {file} is missing")
        with path.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
        if found != wanted:
            raise UserError(f"model {source.model}: sha256 of {file} is {found}, not {wanted}")
    return source.model if folder is None else str(folder)


@contextmanager
def _one_line(source: Source) -> Iterator[None]:
    """Tell what went wrong while loading a model in one line."""
    try:
        yield
    except UserError:
        raise
    except (ImportError, OSError, ValueError, RuntimeError, KeyError, AttributeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        if "trust_remote_code" in str(error):
            raise UserError(
                f"model {source.model} runs code of its own: read it on the hub, then set "
                "retriever.trust_remote_code=true"
            ) from error
        raise UserError(
            f"model {source.model}: {type(error).__name__}: {' '.join(lines)[:300]}"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' remarks and loading bars off the terminal; downloads still show."""
    from transformers.utils import logging as transformers_logging

    their_logging: Any = transformers_logging
    bars = their_logging.is_progress_bar_enabled()
    names = ("sentence_transformers", "transformers")
    levels = {name: logging.getLogger(name).level for name in names}
    their_logging.disable_progress_bar()
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        if bars:
            their_logging.enable_progress_bar()
