"""Tokenizers to count with: BERT's, which comes with the default encoder, and small ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

TEXTS = [
    "The quick brown fox jumps over the lazy dog, again and again.",
    "A word is what white space separates; don't cut it.",
    "Zürich, Łódź and 東京 are cities.",
] * 5


@pytest.fixture(scope="session")
def small_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """``small_tokenizer("bpe")``: a folder with a tokenizer as GPT-2, T5 or BERT has them."""
    tokenizers = pytest.importorskip("tokenizers")
    from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

    kinds = {
        "bpe": (
            models.BPE(),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
            trainers.BpeTrainer(
                vocab_size=400,
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                show_progress=False,
            ),
        ),
        "unigram": (
            models.Unigram(),
            pre_tokenizers.Metaspace(),
            trainers.UnigramTrainer(vocab_size=80, show_progress=False, unk_token="<unk>"),
        ),
        "bert": (
            models.WordPiece(unk_token="[UNK]"),
            pre_tokenizers.BertPreTokenizer(),
            trainers.WordPieceTrainer(
                vocab_size=120, show_progress=False, special_tokens=["[UNK]", "[CLS]", "[SEP]"]
            ),
        ),
    }

    def made(kind: str) -> str:
        folder: Path = tmp_path_factory.mktemp(kind)
        model, cut, trainer = kinds[kind]
        tokenizer = tokenizers.Tokenizer(model)
        tokenizer.pre_tokenizer = cut
        if kind == "bert":
            tokenizer.normalizer = normalizers.BertNormalizer()
            tokenizer.decoder = decoders.WordPiece()
        tokenizer.train_from_iterator(TEXTS, trainer)
        tokenizer.enable_truncation(5)
        tokenizer.enable_padding(length=7)
        tokenizer.save(str(folder / "tokenizer.json"))
        return str(folder)

    return made
