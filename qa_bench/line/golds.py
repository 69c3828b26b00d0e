"""The gold paragraphs of a line's questions, as ``mine.gold`` and ``mine.articles`` say."""

from __future__ import annotations

from pathlib import Path

from qa_bench.errors import UserError
from qa_bench.line.mined_line import MinedLine
from qa_bench.train.golds import Golds, gold_paragraphs


def golds_of(line: MinedLine) -> Golds:
    """The gold paragraphs that are known; none where no file names one.

    Args:
        line: a ``line.Line``.

    Raises:
        UserError: ``mine.gold`` names none of these questions, or paragraphs are named by number
            and there are no articles.
    """
    named, articles = line.config.mine.gold, line.config.mine.articles
    file = line.dataset.file() if named is None else Path(named)
    if articles is not None and not Path(articles).exists():
        line.corpus.files()  # it may be the corpus' own file, which is downloaded on first use
    golds = gold_paragraphs(line.questions, file, None if articles is None else Path(articles))
    if named is not None and not golds.of:
        raise UserError(f"mine.gold: {named} names no gold paragraph of these questions")
    return golds
