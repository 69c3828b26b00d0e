"""Parity with DPR: which rows of its psgs_w100 come out of our articles, and why others do not.

    QA_BENCH_SHARED=<folder> python benchmarks/parity.py [--examples 3]

The rows are all that lie beside the articles, each once: 10,780, of which 1,334 are of a title that
the articles have. The articles are of November 2018, three weeks older than DPR's dump, cut with
``chunker=dpr_w100``. Every such row falls into one class; then the ids that DPR gave to rows that
came out are held against our counts of passages. docs/parity.md tells what was found.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import re
import statistics
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, NamedTuple

import common

CLASSES = {
    "same": "byte for byte one of our passages",
    "shifted": "all 100 words stand in our article, cut elsewhere",
    "punctuation": "the same letters and digits, other punctuation or residue of markup",
    "few words": "at least 90 of the 100 words stand there in order",
    "rewritten": "50 to 89 of them",
    "absent": "fewer",
}
AROUND = 100
"""Words on either side of the likeliest place that are compared with a row's."""
PLACES = {"from word 5,000": 5000, "from word 1,000": 1000, "later": 1, "the article's start": 0}
_NOT_LETTERS = re.compile(r"[\W_]+")


class Row(NamedTuple):
    """A row of DPR's file."""

    title: str
    text: str
    pid: int | None


class Cut(NamedTuple):
    """An article of ours: its page id, its words, its passages."""

    page: int
    words: list[str]
    passages: list[str]


def json_lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file]


def rows_of(data: Path) -> list[Row]:
    """Every row of DPR's file that lies there, once, with its id where a file tells it."""
    found: dict[tuple[str, str], int | None] = {}

    def add(row: dict[str, Any], name: str) -> None:
        text = row["title"], row["text"]
        pid = row.get(name)
        found[text] = found.get(text) if pid is None else int(pid)

    for row in json_lines(data / "dpr_rows" / "rows_with_id.jsonl.gz"):
        add(row, "id")
    for name in ("exact", "edited"):
        for row in json_lines(data / "dpr_chunk_check" / f"rows_{name}.jsonl.gz"):
            add(row, "psgs_id")
    with gzip.open(data / "dpr_rows" / "biencoder-nq-dev.first5.json.gz") as file:
        for question in json.load(file):
            for kind in ("positive_ctxs", "negative_ctxs", "hard_negative_ctxs"):
                for row in question[kind]:
                    add(row, "passage_id")
    return [Row(title, text, pid) for (title, text), pid in found.items()]


def articles_of(data: Path, titles: set[str]) -> tuple[dict[str, Cut], list[tuple[int, str, int]]]:
    """The articles of these titles, cut; and of all, page id, title and number of passages."""
    from omegaconf import OmegaConf

    from qa_bench.corpus.jsonl import JsonlArticles
    from qa_bench.parts import make
    from qa_bench.paths import CONF

    chunker = make("chunker", OmegaConf.load(CONF / "chunker" / "dpr_w100.yaml"))
    corpus = JsonlArticles("enwiki", str(data / common.ARTICLES))
    cut: dict[str, Cut] = {}
    pages: list[tuple[int, str, int]] = []
    for article, _, _ in corpus.articles():
        (passages,) = chunker.chunk([article])
        pages.append((int(article.id), article.title, len(passages)))
        if article.title in titles:
            texts = [passage.text for passage in passages]
            cut[article.title] = Cut(int(article.id), article.text.split(), texts)
    return cut, sorted(pages)


def classify(text: str, article: Cut) -> tuple[str, list[tuple[str, str]]]:
    """The class of a row of this article's title, and (theirs, ours) of the pieces that differ."""
    if text in article.passages:
        return "same", []
    whole = " ".join(article.words)
    if f" {text} " in f" {whole} {whole} ":  # twice: a last passage is wrapped round
        return "shifted", []
    words = text.split()
    here = _likeliest(words, article.words)
    pieces = SequenceMatcher(None, words, here, autojunk=False).get_opcodes()
    kept = sum(end - start for kind, start, end, _, _ in pieces if kind == "equal")
    differing = []
    for kind, a, b, c, d in pieces:
        if kind == "equal" or (a == b and a in (0, len(words))):
            continue  # what stands around the row is no part of it
        c, d = (max(c, d - (b - a)) if a == 0 else c), (min(d, c + b - a) if b == len(words) else d)
        differing.append((" ".join(words[a:b]), " ".join(here[c:d])))
    if all(
        _NOT_LETTERS.sub("", theirs) == _NOT_LETTERS.sub("", ours) for theirs, ours in differing
    ):
        return "punctuation", differing
    if kept >= 0.9 * len(words):
        return "few words", differing
    return ("rewritten" if kept >= 0.5 * len(words) else "absent"), differing


def _likeliest(words: list[str], whole: list[str]) -> list[str]:
    """The part of the article around the longest piece that it shares with the row."""
    match = SequenceMatcher(None, words, whole, autojunk=False).find_longest_match()
    start = match.b - match.a
    return whole[max(0, start - AROUND) : start + len(words) + AROUND]


def print_by_place(rows: list[Row], cut: dict[str, Cut]) -> None:
    """Of the rows whose words stand in the article: how many are cut alike, by how far in."""
    alike: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for row in rows:
        article = cut[row.title]
        whole = " ".join(article.words)
        characters = f" {whole} {whole} ".find(f" {row.text} ")
        if characters >= 0:
            words = whole[:characters].count(" ")
            place = next(name for name, start in PLACES.items() if words >= start)
            found[place] += 1
            alike[place] += row.text in article.passages
    for place in reversed(PLACES):
        share = alike[place] / max(1, found[place])
        print(f"  {place}: {alike[place]} of {found[place]} cut alike ({share:.0%})")


# Ids


def firsts(rows: list[Row], cut: dict[str, Cut]) -> dict[str, set[int]]:
    """The ids that each title's first passage must have had, by its rows that came out."""
    found: dict[str, set[int]] = {}
    for row in rows:
        passages = cut[row.title].passages
        if row.pid is not None and passages.count(row.text) == 1:
            found.setdefault(row.title, set()).add(row.pid - passages.index(row.text))
    return found


def distances(
    known: dict[str, set[int]], pages: list[tuple[int, str, int]]
) -> Iterator[tuple[int, int]]:
    """Passages between neighbouring known titles in the order of ids: DPR's, and ours."""
    before, place = {}, 0
    for _, title, count in pages:
        before[title] = place
        place += count
    ordered = sorted((min(pids), title) for title, pids in known.items())
    for (first, title), (second, following) in itertools.pairwise(ordered):
        yield second - first, before[following] - before[title]


def print_ids(rows: list[Row], cut: dict[str, Cut], pages: list[tuple[int, str, int]]) -> bool:
    """Hold DPR's ids against our counts; whether each article's ids agree with each other."""
    lowest: dict[str, int] = {}
    for row in rows:
        if row.pid is not None:
            lowest[row.title] = min(row.pid, lowest.get(row.title, row.pid))
    in_order = [cut[title].page for title in sorted(lowest, key=lowest.__getitem__)]
    back = sum(later < page for page, later in itertools.pairwise(in_order))
    print(
        f"titles with ids: {len(lowest)}; in the order of ids {back} have a lower page than the "
        "one before"
    )
    known = firsts(rows, cut)
    agree = sum(len(pids) == 1 for pids in known.values())
    several = Counter(
        row.title for row in rows if row.pid is not None and row.text in cut[row.title].passages
    )
    print(
        f"titles with ids of rows that came out: {len(known)}, of several rows: "
        f"{sum(count > 1 for count in several.values())}, of one mind: {agree}"
    )
    pairs = list(distances(known, pages))
    near = [(theirs, ours) for theirs, ours in pairs if 0.95 * theirs <= ours <= 1.05 * theirs]
    print(
        f"neighbours among them: {len(pairs)}; as far apart as in our order, to 5 %: {len(near)}, "
        f"of which to the passage: {sum(theirs == ours for theirs, ours in near)}"
    )
    theirs, ours = map(sum, zip(*near, strict=True))
    middle = statistics.median(abs(t - o) / t for t, o in near)
    print(
        f"passages between those: DPR {theirs:,}, ours {ours:,} ({ours / theirs:.2%}); median "
        f"difference {middle:.2%}"
    )
    return agree == len(known)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=0, help="rows of each class to show")
    arguments = parser.parse_args()
    data = common.shared_data()
    verdict = common.Verdict("parity with DPR's psgs_w100")
    every = rows_of(data)
    cut, pages = articles_of(data, {row.title for row in every})
    rows = [row for row in every if row.title in cut]
    print(
        f"rows of psgs_w100: {len(every):,}; of titles among our {len(pages):,} articles: "
        f"{len(rows):,} of {len({row.title for row in rows})} titles"
    )
    classes: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    for row in rows:
        kind, differing = classify(row.text, cut[row.title])
        classes[kind] += 1
        if shown[kind] < arguments.examples and differing:
            shown[kind] += 1
            pieces = "; ".join(f"«{theirs}» ours «{ours}»" for theirs, ours in differing[:3])
            print(f"  {kind}, {row.title}: {pieces[:300]}")
    for kind, meaning in CLASSES.items():
        print(f"{kind:12} {classes[kind]:5} {classes[kind] / len(rows):6.1%}  {meaning}")
    none = sum(not cut[row.title].passages for row in rows)
    lacking = sum(
        " ".join(one.words[: len(t.split())]) != " ".join(t.split()) for t, one in cut.items()
    )
    print(
        f"rows of articles of which we made no passage: {none}; titles that begin no article: "
        f"{lacking}"
    )
    print("where the words stand in our article:")
    print_by_place(rows, cut)
    ids_agree = print_ids(rows, cut, pages)
    exact = json_lines(data / "dpr_chunk_check" / "rows_exact.jsonl.gz")
    out = sum(
        cut[row["title"]].passages[row["chunk"] : row["chunk"] + 1] == [row["text"]]
        for row in exact
    )
    verdict.same("rows_exact, each in its place", out == len(exact), f"{out} of {len(exact)}")
    verdict.same("ids within an article", ids_agree)
    verdict.finish()


if __name__ == "__main__":
    main()
