"""``set.md``: what a synthetic set is, how many questions fell where, and what bias is left."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qa_bench.synthetic.overlap import BINS, REFERENCES, Overlaps
from qa_bench.synthetic.screening import FILTERS, NOT_RETRIEVED

SHEET_FILE = "set.md"


def sheet(facts: Mapping[str, Any]) -> str:
    """The sheet of a set, from what ``set.json`` has."""
    return "\n".join(_lines(facts))


def _lines(facts: Mapping[str, Any]) -> Iterator[str]:
    drawn, questions = facts["drawn"], facts["questions"]
    yield f"# {questions:,} synthetic questions"
    yield ""
    yield "Made of the corpus' own passages, by"
    yield ""
    yield "```bash"
    yield facts["command"]
    yield "```"
    yield ""
    articles = f"{drawn['articles']:,} of {drawn['articles_of']:,} articles"
    yield (
        f"{drawn['passages']:,} of {drawn['passages_of']:,} passages were asked of, a question "
        f"each, from {articles}; {drawn['too_short']:,} "
        f"with fewer than {facts['settings']['words']} words were left out."
    )
    yield ""
    yield from _filters(facts)
    yield from _round_trip(facts)
    yield from _overlaps(facts["overlap"])
    yield from _others(facts)
    yield from _standalone(facts)
    yield "## Digests"
    yield ""
    yield from (f"- {name}: `{value}`" for name, value in facts["digests"].items())
    yield f"- generator: `{json.dumps(facts['generator'], ensure_ascii=False, sort_keys=True)}`"
    yield f"- settings: `{json.dumps(facts['settings'], ensure_ascii=False, sort_keys=True)}`"
    yield ""


def _filters(facts: Mapping[str, Any]) -> Iterator[str]:
    """How many fell where: each by the first filter that drops it."""
    total, dropped, alone = facts["drawn"]["passages"], facts["dropped"], facts["alone"]
    problems = [name for name in dropped if name not in FILTERS]
    yield "## What fell where"
    yield ""
    yield "| Filter, in this order | Dropped | % of passages | Would drop by itself |"
    yield "| --- | ---: | ---: | ---: |"
    for name in (*sorted(problems), *FILTERS):
        count = dropped.get(name, 0)
        by_itself = f"{alone[name]:,}" if name in alone else ""
        yield f"| {name} | {count:,} | {_percent(count, total)} | {by_itself} |"
    yield f"| **left** | **{facts['questions']:,}** | {_percent(facts['questions'], total)} | |"
    yield ""


def _round_trip(facts: Mapping[str, Any]) -> Iterator[str]:
    settings, searched = facts["settings"], facts["searched"]
    one, other = settings["round_trip"]
    yield "## Round trip"
    yield ""
    yield (
        f"A question stays if `{one}` or `{other}` finds its own passage among the first "
        f"{settings['k']}. Of the {searched:,} questions that were searched:"
    )
    yield ""
    yield "| Found by | % |"
    yield "| --- | ---: |"
    yield from (f"| {name} | {share:.2f} |" for name, share in facts["shares"].items())
    yield ""
    yield (
        f"This is the set's bias: questions that neither finds are missing "
        f"({facts['dropped'].get(NOT_RETRIEVED, 0):,} of them), so both stand better on it than on "
        "real questions, the one that finds more the more so. Figures of these two, and of "
        "systems made of them or like them, are no evidence against others."
    )
    yield ""


def _overlaps(own: Mapping[str, Any]) -> Iterator[str]:
    several = {"this set": Overlaps(own["n"], own["mean"], tuple(own["percent"])), **REFERENCES}
    yield "## Words shared with the passage"
    yield ""
    yield (
        "The part of a question's words (without those of grammar) that stand in its passage or "
        "its title; % of the questions."
    )
    yield ""
    yield f"| | n | mean | {' | '.join(f'{n / BINS:.1f}–' for n in range(BINS))} |"
    yield f"| --- |{' ---: |' * (BINS + 2)}"
    for name, one in several.items():
        yield f"| {name} | {one.n:,} | {one.mean:.3f} | {_cells(one.percent)} |"
    yield ""
    yield "More than real questions have makes a set easy for BM25."
    yield ""


def _others(facts: Mapping[str, Any]) -> Iterator[str]:
    elsewhere, closed, total = facts["elsewhere"], facts["closed_book"], facts["questions"]
    yield "## Answers elsewhere"
    yield ""
    yield (
        f"Of {elsewhere['questions']:,} questions ({_percent(elsewhere['questions'], total)} %) "
        f"the answer also stands in other passages, {elsewhere['passages']:,} in all: answer "
        "recall counts those as hits; `elsewhere` lists them."
    )
    yield ""
    yield "## Answered by heart"
    yield ""
    if closed is None:
        yield "Nobody was asked: `reader=` with one that reads no passage tells."
    else:
        yield (
            f"`{closed['reader']}`, without any passage, answers {closed['questions']:,} "
            f"({_percent(closed['questions'], total)} %). They stay; `closed_book` marks them."
        )
    yield ""


def _standalone(facts: Mapping[str, Any]) -> Iterator[str]:
    """What tells beside the rules whether a question can be asked without its passage."""
    alone, total = facts["standalone"], facts["questions"]
    yield "## Standing alone"
    yield ""
    yield (
        f"{facts['titled']:,} questions ({_percent(facts['titled'], total)} %) name their article "
        "by its title."
    )
    if alone is None:
        yield "Which article is meant, nobody was asked: `+reader@synthesize.standalone=` tells."
    else:
        titled = total - alone["without_title"]
        yield (
            f"`{alone['reader']}`, given the question alone, names the article of "
            f"{alone['questions']:,} ({_percent(alone['questions'], titled)} %), by its title: no "
            "fewer can be told alone. The others stay; `standalone` marks them."
        )
    yield ""


def _percent(count: int, total: int) -> str:
    return f"{100 * count / total:.1f}" if total else "0.0"


def _cells(percent: Sequence[float]) -> str:
    return " | ".join(f"{value:.1f}" for value in percent)
