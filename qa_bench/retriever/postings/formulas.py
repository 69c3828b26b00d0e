"""Eight variants of BM25: what a term counts in a passage.

With L the passage's length over the mean length, B = 1 - b + b L, c = tf / B, N passages with a
term at all, df of them with this one, natural logarithms:

================  =======================================  ============================
variant           frequency                                idf
================  =======================================  ============================
robertson         tf / (tf + k1 B)                         ln((N - df + .5) / (df + .5))
lucene            the same, lengths stored in one byte     ln(1 + (N - df + .5) / (df + .5))
lucene_accurate   the same                                 as lucene
atire             (k1 + 1) tf / (tf + k1 B)                ln(N / df)
bm25l             (k1 + 1) (c + delta) / (k1 + c + delta)  ln((N + 1) / (df + .5))
bm25_plus         (k1 + 1) tf / (tf + k1 B) + delta        ln((N + 1) / df)
bm25_adpt         (k + 1) c / (k + c), k fitted by term    information gain, see ``adaptive``
tfldp             1 + ln(1 + ln(c + delta))                ln((N + 1) / df)
================  =======================================  ============================

Source: Kamphuis et al. 2020, Which BM25 Do You Mean? (ECIR), and what it cites: Robertson et al.
1994, Okapi at TREC-3; Trotman et al. 2012 (ATIRE); Lv and Zhai 2011 (BM25L; BM25+; BM25-adpt);
Rousseau and Vazirgiannis 2013 (TFldp).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from qa_bench.retriever.postings.adaptive import fitted
from qa_bench.retriever.postings.search import Exact
from qa_bench.retriever.postings.store import Postings

Array = np.ndarray


class Variant(NamedTuple):
    """A formula.

    Attributes:
        frequency: of tf, B, k1 and delta: what a count is worth; float64 of their common shape.
        idf: of N and df; float64 (terms,). None: both k1 and this are fitted by term.
        delta: its default; None where the formula has none.
        least_delta: no smaller one is allowed.
        lossy: lengths are those that Lucene's one byte can tell.
    """

    frequency: Callable[[Array, Array, Array | float, float], Array]
    idf: Callable[[int, Array], Array] | None
    delta: float | None = None
    least_delta: float = 0.0
    lossy: bool = False


def _saturated(tf: Array, norm: Array, k1: Array | float, delta: float) -> Array:
    result: Array = tf / (tf + k1 * norm)
    return result


def _scaled(tf: Array, norm: Array, k1: Array | float, delta: float) -> Array:
    result: Array = (k1 + 1) * tf / (tf + k1 * norm)
    return result


def _scaled_and_lifted(tf: Array, norm: Array, k1: Array | float, delta: float) -> Array:
    return _scaled(tf, norm, k1, delta) + delta


def _shifted(tf: Array, norm: Array, k1: Array | float, delta: float) -> Array:
    c = tf / norm + delta
    result: Array = (k1 + 1) * c / (k1 + c)
    return result


def _double_logarithm(tf: Array, norm: Array, k1: Array | float, delta: float) -> Array:
    result: Array = 1 + np.log(1 + np.log(tf / norm + delta))
    return result


def _robertson(passages: int, df: Array) -> Array:
    result: Array = np.log((passages - df + 0.5) / (df + 0.5))
    return result


def _lucene(passages: int, df: Array) -> Array:
    result: Array = np.log(1 + (passages - df + 0.5) / (df + 0.5))
    return result


def _plain(passages: int, df: Array) -> Array:
    result: Array = np.log(passages / df)
    return result


def _shifted_idf(passages: int, df: Array) -> Array:
    result: Array = np.log((passages + 1) / (df + 0.5))
    return result


def _one_more(passages: int, df: Array) -> Array:
    result: Array = np.log((passages + 1) / df)
    return result


VARIANTS = {
    "robertson": Variant(_saturated, _robertson),
    "lucene": Variant(_saturated, _lucene, lossy=True),
    "lucene_accurate": Variant(_saturated, _lucene),
    "atire": Variant(_scaled, _plain),
    "bm25l": Variant(_shifted, _shifted_idf, delta=0.5),
    "bm25_plus": Variant(_scaled_and_lifted, _one_more, delta=1.0),
    "bm25_adpt": Variant(_scaled, None),
    # Below 1, ln(c + delta) can be so small that the outer logarithm has no value.
    "tfldp": Variant(_double_logarithm, _one_more, delta=1.0, least_delta=1.0),
}


def lossy_lengths(lengths: Array) -> Array:
    """Lengths as Lucene remembers them in one byte: up to 40 as they are, then four bits of each.

    Source: Lucene's ``SmallFloat.intToByte4`` and ``byte4ToInt``.

    Args:
        lengths: whole numbers >= 0.
    """
    exact = 24  # numbers below it have a byte of their own; the rest counts from there
    over = np.maximum(np.asarray(lengths, dtype=np.int64) - exact, 0)
    _, bits = np.frexp(over.astype(np.float64))
    shift = np.maximum(bits - 4, 0).astype(np.int64)
    result: Array = np.where(lengths < exact, lengths, exact + (over >> shift << shift))
    return result


def weights(
    postings: Postings, variant: str, k1: float, b: float, delta: float, workers: int = 1
) -> Exact:
    """What computes the weights of postings of counts by a variant's formula, in float64.

    Args:
        postings: with lengths.
        variant: one of ``VARIANTS``.
        k1: how fast a count saturates, >= 0; of bm25_adpt, where a term's k cannot be fitted.
        b: how much length matters, from 0 to 1.
        delta: see ``VARIANTS``.
        workers: threads that fit.
    """
    formula = VARIANTS[variant]
    lengths = postings.lengths
    filled = int(np.count_nonzero(lengths))  # as Lucene counts: passages with a term at all
    mean = lengths.sum(dtype=np.int64) / max(1, filled)
    remembered = lossy_lengths(lengths) if formula.lossy else lengths
    norm = 1 - b + b * (remembered / max(mean, 1e-300))
    values, rows = postings.values, postings.rows
    if formula.idf is None:
        idf, ks = fitted(postings, norm, filled, k1, workers)
    else:
        with np.errstate(divide="ignore"):  # a term without postings has no weight to tell
            idf = formula.idf(filled, np.diff(postings.pointers).astype(np.float64))
        ks = None

    def exact(which: Array | slice, terms: Array) -> Array:
        tf = values[which].astype(np.float64)
        k = k1 if ks is None else ks[terms]
        result: Array = idf[terms] * formula.frequency(tf, norm[rows[which]], k, delta)
        return result

    return exact
