"""passages ─generate─► drafts of questions, one a passage that was drawn."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qa_bench.engine.context import Context
from qa_bench.engine.files import write_whole
from qa_bench.engine.stage import Stage
from qa_bench.errors import UserError
from qa_bench.protocols import Generator
from qa_bench.store.passages import Passages, open_passages
from qa_bench.synthetic.proposals import DRAFTS_FILE, Proposal, json_lines
from qa_bench.synthetic.sampling import sample
from qa_bench.synthetic.settings import SynthesisSettings
from qa_bench.types import Folder, Step

log = logging.getLogger(__name__)

VERSION = 1
_BYTES_PER_DRAFT = 250


def generate(
    passages: Stage, generator: Generator, name: str, settings: SynthesisSettings, context: Context
) -> Stage:
    """A draft for each of the passages that were drawn, in ``drafts.jsonl``, in corpus order.

    Passages that nobody could be asked about have failed: the folder is provisional then.

    Its build raises ``UserError`` where no passage is long enough, or there is not one draft.

    Args:
        passages: the corpus.
        generator: the part.
        name: of its YAML.
        settings: how many passages, which, and how long.
        context: where and how.
    """

    def build(folder: Path, inputs: Mapping[str, Folder]) -> dict[str, Any]:
        collection = open_passages(inputs["passages"].path)
        drawn = sample(collection, settings.n, settings.words, settings.seed)
        if not len(drawn.rows):
            raise UserError(
                f"none of the {len(collection):,} passages has {settings.words} words: set "
                "synthesize.words lower, or cut longer ones"
            )
        if len(drawn.rows) < settings.n:
            log.warning(
                "synthesize: %d passages were wanted, and only %d have %d words: all are asked of",
                settings.n,
                len(drawn.rows),
                settings.words,
            )
        several = [collection[row] for row in drawn.rows.tolist()]
        drafts = generator.make(several, context.runtime)
        if len(drafts) != len(several):
            raise UserError(
                f"generator {name} made {len(drafts)} drafts of {len(several)} passages: one of "
                "each is needed"
            )
        articles = _names(collection, drawn.rows)
        proposals = [
            Proposal(row, passage.pid, passage.title, article, *draft)
            for row, passage, article, draft in zip(
                drawn.rows.tolist(), several, articles, drafts, strict=True
            )
        ]
        write_whole(folder / DRAFTS_FILE, json_lines(one._asdict() for one in proposals))
        problems = Counter(draft.problem for draft in drafts if draft.problem is not None)
        if drafts.failed:
            log.warning(
                "synthesize: nobody could be asked about %d of %d passages; the next run asks "
                "again (first: %s)",
                len(drafts.failed),
                len(several),
                next(iter(drafts.failed.values())),
            )
        return {
            "passages": len(several),
            "questions": len(several) - problems.total(),
            **{problem: problems[problem] for problem in sorted(problems)},
            "failed": len(drafts.failed),
            "articles": len(np.unique(drawn.articles)),
            "articles_of": drawn.every,
            "passages_of": drawn.eligible,
            "too_short": drawn.short,
            **drafts.costs,
        }

    def plan(load: Any) -> Step:
        step = generator.plan(int(min(settings.n, load.passages)), context.runtime)
        return step._replace(disk=step.disk + settings.n * _BYTES_PER_DRAFT)

    return Stage(
        "generate",
        VERSION,
        f"{passages.slug}-{name}",
        {
            "generator": generator.identity,
            "n": settings.n,
            "seed": settings.seed,
            "words": settings.words,
        },
        {"passages": passages},
        generator.sources,
        build,
        plan,
        f"generate {name}",
    )


def _names(passages: Passages, rows: np.ndarray) -> list[str]:
    """What each passage's article is known by; its own pid where nothing is."""
    names = passages.sources(rows) if passages.has_sources else passages.titles(rows)
    pids = passages.pids(rows).to_pylist()
    return [name or pid for name, pid in zip(names, pids, strict=True)]
