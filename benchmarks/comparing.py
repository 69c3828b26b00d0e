"""Comparing: 40 systems on five sets of the real sizes, every pair of them, by every metric.

    python benchmarks/comparing.py [--samples 10000] [--loop 400] [--profile]

The systems are made up: seven engines with settings, on which the same questions are hard, so that
two systems' values correlate as BM25's with other settings and with other engines do. SQuAD's
10,570 questions come from 48 articles. Seven metrics: Top-1, 5, 20 and 100 and EM are 0 or 1, MRR
and F1 are between.

Closed forms: the interval of every system, its marks, and all 780 pairs × 7 metrics × 5 sets with
Holm. Resampling: the same by so many draws, p by step-down max-T. The other side is a plain loop
of numpy, a draw and a column (bootstrap: ``rng.choice``) or a pair (signs: ``rng.choice``) at a
time; nobody waits for all of it: some draws on NQ are measured and multiplied, a set's share by
its number of questions, or of articles where these are drawn. The bootstrap alone is compared on
NQ, where nothing but the number of draws is extrapolated.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import common
import numpy as np

SIZES = {"nq": 3610, "triviaqa": 11313, "webq": 2032, "curatedtrec": 694, "squad": 10570}
ARTICLES = 48
SYSTEMS, ENGINES = 40, 7
METRICS = ("top1", "top5", "top20", "top100", "mrr", "em", "f1")
CLOSED_S, RESAMPLING_S, TIMES, MEMORY_MB = 20, 90, 50, 1000

Values = dict[str, np.ndarray]


def made_up(name: str) -> tuple[Values, np.ndarray | None]:
    """The values of all systems on a set by metric, (systems, n) each; and its groups."""
    n = SIZES[name]
    random = np.random.default_rng(sum(name.encode()))
    groups = np.sort(random.integers(0, ARTICLES, n)) if name == "squad" else None
    topic = random.normal(size=ARTICLES)[groups] * 0.4 if groups is not None else 0
    hardness = random.normal(size=n) + topic
    engines = random.normal(size=(ENGINES, n))
    engine = np.arange(SYSTEMS) % ENGINES
    skill = (engine / ENGINES + random.normal(size=SYSTEMS) * 0.08)[:, None]
    own = random.normal(size=(SYSTEMS, n))
    log_rank = 2 * hardness + 0.45 * engines[engine] + 0.3 * own - 0.5 * skill + 2.5
    rank = np.maximum(np.ceil(np.exp(log_rank)), 1)
    values = {f"top{k}": (rank <= k).astype(float) for k in (1, 5, 20, 100)}
    values["mrr"] = np.where(rank <= 100, 1 / rank, 0)
    values["em"] = (log_rank + 0.5 * random.normal(size=rank.shape) < 1).astype(float)
    partly = np.round(random.random(rank.shape), 1) * (log_rank < 3)
    values["f1"] = np.where(values["em"] == 1, 1.0, partly)
    return values, groups


def closed_forms(sets: dict[str, tuple[Values, np.ndarray | None]]) -> dict:
    """Every column and every pair."""
    from qa_bench.statistics.closed import Closed

    part, done = Closed(), {}
    for name, (values, groups) in sets.items():
        for metric, rows in values.items():
            done[name, metric] = (
                part.column(rows, 0, groups, name),
                part.pairs(rows, groups, name),
            )
    return done


def written(sets: dict[str, tuple[Values, np.ndarray | None]]) -> int:
    """Characters of all text formats of the table, its marks among them."""
    from pathlib import Path

    import pyarrow as pa

    from qa_bench.report.latex import latex
    from qa_bench.report.markdown import markdown
    from qa_bench.report.outcomes import Outcomes
    from qa_bench.report.record import Record
    from qa_bench.report.table import Table
    from qa_bench.report.terminal import text
    from qa_bench.statistics.closed import Closed

    outcomes = []
    for name, (values, groups) in sets.items():
        qids = [f"{name}-{number}" for number in range(SIZES[name])]
        for system in range(SYSTEMS):
            columns = {metric: rows[system] for metric, rows in values.items()}
            record = Record(
                f"system-{system}", name, "test", SIZES[name], "string", "dpr", "0" * 8, True,
                "corpus", False, "", {m: float(c.mean()) for m, c in columns.items()},
            )  # fmt: skip
            extra = {} if groups is None else {"group": groups.astype(str)}
            outcomes.append(Outcomes(record, Path(), pa.table({"qid": qids, **extra, **columns})))
    records = [one.record for one in outcomes]
    table = Table("made up", records, (), outcomes, Closed(against="system-0"))
    formats = [markdown(table), table.csv(), latex(table, "families"), text(table)]
    return sum(map(len, [*formats, *map(table.line, records)]))


def resampled(sets: dict[str, tuple[Values, np.ndarray | None]], samples: int) -> dict:
    """Every column, p over all pairs."""
    from qa_bench.statistics.resampling import Resampling

    part, done = Resampling(family="all", samples=samples), {}
    for name, (values, groups) in sets.items():
        start = time.perf_counter()
        for metric, column in part.columns(values, 0, groups, name).items():
            done[name, metric] = column
        print(f"  {name}: {time.perf_counter() - start:.1f} s", flush=True)
    return done


def loop(rows: np.ndarray, draws: int) -> tuple[float, float]:
    """Seconds of a plain draw of a column, and of a pair, on one set."""
    random = np.random.default_rng(0)
    n = rows.shape[1]
    start = time.perf_counter()
    for draw in range(draws):
        rows[draw % len(rows)][random.choice(n, n)].mean()
    middle = time.perf_counter()
    for draw in range(draws):
        apart = rows[draw % len(rows)] - rows[(draw + 1) % len(rows)]
        (random.choice([-1, 1], n) * apart).mean()
    return (middle - start) / draws, (time.perf_counter() - middle) / draws


def bootstrap_alone(sets: dict, samples: int) -> float:
    """Seconds of the drawn means of all columns on NQ."""
    from qa_bench.statistics.draws import drawn_sums

    columns = np.concatenate(list(sets["nq"][0].values()))
    with common.clock() as drawing:
        drawn_sums(columns, samples, "nq")
    return drawing.seconds


def check_closed(verdict: common.Verdict, sets: dict, done: dict) -> None:
    """All pairs of the two smallest sets, one by one, beside scipy and statsmodels."""
    from scipy import stats
    from statsmodels.stats.multitest import multipletests

    first, second = np.triu_indices(SYSTEMS, 1)
    worst, checked = 0.0, 0
    for name in ("webq", "curatedtrec"):
        for metric, rows in sets[name][0].items():
            if metric in ("mrr", "f1"):
                family = stats.ttest_rel(rows[first], rows[second], axis=1).pvalue
            else:
                won = (rows[first] > rows[second]).sum(axis=1)
                lost = (rows[first] < rows[second]).sum(axis=1)
                k, n = np.minimum(won, lost), won + lost
                mid = stats.binom.cdf(k, n, 0.5) + stats.binom.cdf(k - 1, n, 0.5)
                family = np.where(won == lost, 1, mid)
            theirs = multipletests(family, method="holm")[1]
            ours = done[name, metric][1].p[first, second]
            worst, checked = max(worst, float(np.abs(theirs - ours).max())), checked + len(ours)
    verdict.same("adjusted p beside scipy and statsmodels", worst < 1e-8, f"{checked} pairs")


def check_resampled(verdict: common.Verdict, closed: dict, drawn: dict) -> None:
    """The draws and the closed forms tell the same."""
    ends, widths, decisions = [], [], []
    for place, (column, pairs) in closed.items():
        other = drawn[place]
        width = column.high - column.low
        ends += [np.abs(column.low - other.low) / width, np.abs(column.high - other.high) / width]
        widths.append((other.high - other.low) / width)
        decisions.append((pairs.p[:, 0] < 0.05) == (other.p < 0.05))
    apart = float(np.median(np.concatenate(ends)))
    ratio = float(np.median(np.concatenate(widths)))
    same = float(np.mean(np.concatenate(decisions)))
    detail = f"ends {apart:.1%} of a width apart, widths {ratio:.3f}, decisions {same:.1%}"
    verdict.same("draws and closed forms, in the median", apart < 0.05 and same > 0.95, detail)


def correlations(sets: dict) -> str:
    """Of two systems' Top-20 on NQ: what pairs of systems have, from the least to the most."""
    every = np.corrcoef(sets["nq"][0]["top20"])[np.triu_indices(SYSTEMS, 1)]
    least, middle, most = np.quantile(every, [0.05, 0.5, 0.95])
    return f"{least:.2f} to {most:.2f}, {middle:.2f} in the middle"


def profiled(work: Callable[[], object]) -> None:
    import cProfile
    import pstats

    with cProfile.Profile() as profile:
        work()
    pstats.Stats(profile).sort_stats("tottime").print_stats(12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10000)
    parser.add_argument("--loop", type=int, help="draws of the plain loop", default=400)
    parser.add_argument("--profile", action="store_true", help="where our time goes")
    arguments = parser.parse_args()
    sets = {name: made_up(name) for name in SIZES}
    if arguments.profile:
        profiled(lambda: closed_forms(sets))
        profiled(lambda: resampled(sets, arguments.samples))
        return
    verdict = common.Verdict(f"comparing: {SYSTEMS} systems, {len(METRICS)} metrics, five sets")
    print(f"correlation of two systems, Top-20 on NQ: {correlations(sets)}")
    with common.clock() as closing:
        closed = closed_forms(sets)
        formed = time.perf_counter()
        size = written(sets)
        formed = time.perf_counter() - formed
    print(
        f"closed forms and tables: {closing.seconds:.2f} s, CPU {closing.cpu:.2f} s; of these "
        f"{formed:.2f} s for Markdown, CSV, LaTeX, terminal and JSON of {size / 1e6:.1f} MB"
    )
    with common.clock() as drawing:
        drawn = resampled(sets, arguments.samples)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"resampling: {drawing.seconds:.2f} s, CPU {drawing.cpu:.2f} s, at most {peak:.0f} MB")
    check_closed(verdict, sets, closed)
    check_resampled(verdict, closed, drawn)

    column_s, pair_s = loop(sets["nq"][0]["top20"], arguments.loop)
    items = sum(SIZES.values()) - SIZES["squad"] + ARTICLES
    work = len(METRICS) * arguments.samples * items / SIZES["nq"]
    columns_s, pairs_s = work * SYSTEMS * column_s, work * SYSTEMS * (SYSTEMS - 1) / 2 * pair_s
    print(
        f"a plain loop, from {arguments.loop} draws on NQ ({column_s * 1e6:.0f} µs a column, "
        f"{pair_s * 1e6:.0f} µs a pair): intervals {columns_s / 60:.0f} min, pairs "
        f"{pairs_s / 3600:.1f} h"
    )
    verdict.at_most(
        "intervals, marks, all pairs and all text formats", closing.seconds, CLOSED_S, " s"
    )
    verdict.at_most("the same by resampling", drawing.seconds, RESAMPLING_S, " s")
    verdict.at_most("memory of it all", peak, MEMORY_MB, " MB")
    alone = bootstrap_alone(sets, arguments.samples)
    columns = SYSTEMS * len(METRICS) * arguments.samples * column_s
    verdict.at_least("bootstrap of NQ alone, loop / ours", columns / alone, TIMES)
    verdict.at_least("all of it, loop / resampling", (columns_s + pairs_s) / drawing.seconds, TIMES)
    verdict.finish()


if __name__ == "__main__":
    main()
