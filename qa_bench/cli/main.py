"""The command ``qa-bench``: verbs, help at once, errors in one line."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from qa_bench.cli.pages import PAGES, page
from qa_bench.cli.positional import positional
from qa_bench.errors import UserError, python_problem

HELP = """\
qa-bench VERB [OVERRIDE ...]: open-domain question answering benchmarks that can be repeated

the line, up to a stage
  run      everything: chunk, index, search, score, tables
  chunk    articles to passages
  index    passages to an index
  search   questions to a run
  rerank   a run to a better one
  read     a run to answers
  score    a run, or predictions=FILE, to figures and tables

other people's files
  fetch    download official files before they are needed: `qa-bench fetch --help`
  import   run=FILE: score a TREC run, DPR's or pyserini's retrieval JSON like ours
  export   what=run|passages|results format=trec|dpr|psgs_w100|eee|ir_metadata|ro_crate out=FILE

about
  table    write an experiment's tables again from its results
  verify   an experiment's figures against the published ones, in questions
  tune     the weight of a hybrid's part, on a dev split: the curve, and a YAML with the best
  plot     kind=curve|forest|pareto|depth|chunks|alpha: an experiment's results as pictures
  synthesize  generator=cloze|prompt n=1000: questions of a corpus' own passages, a set of its own
  explain  CELL|QID: how a figure came about, or what every system made of a question
  compare  a=SYSTEM b=SYSTEM: which differences are real, and at which questions
  diff     A B: only what differs between two figures: settings, inputs, versions, questions
  check    reference=FOLDER fail_if='answer_recall@5 < -0.01': a gate, exit status 1 on a breach
  analyse  an experiment's results by kinds of questions: overlap with train, wh-word, answer
  mine     DPR's training files: positive and hard negative passages of a train or dev split
  train    reader=|retriever=|reranker=... train.data=FILE: a model of your own
  plan     disk, memory and time before they are spent
  list     [GROUP]: what can be chosen for dataset=, corpus=, retriever=, ...
  doctor   is everything there that a run needs?
  verify-cache  is every finished stage still what was written?

Overrides are Hydra's: dataset=webq retriever.k1=1.2 depth=1000; -m dataset=nq,webq runs several;
experiment=sample is the embedded demonstration; --json ends with one JSON line a system and set;
-v also says what is reused and built, and why;
--cfg job prints the configuration; --trust MODULE lets a YAML name classes of that module;
-sc install=bash installs tab completion. `qa-bench VERB --help` tells of a verb.
"""

ALONE = ("fetch", "verify", "list", "doctor", "verify-cache")
"""Verbs that are no jobs of Hydra's, or do something after them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the return value is the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a sign is no reason to fail after all the work
    if (problem := python_problem()) is not None:
        return _failed(problem)
    try:
        status = _main(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:  # qa-bench … | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if not _hides_interrupt(error):
            raise
        return _interrupted()


def _interrupted() -> int:
    print(
        "qa-bench: interrupted; finished work is kept, the same command goes on from there",
        file=sys.stderr,
    )
    return 130


def _hides_interrupt(error: BaseException | None) -> bool:
    """Whether an error came up while Ctrl-C was on its way out, as OmegaConf's may."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _main(arguments: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(page(words[1]) if words[1:2] and words[1] in PAGES else HELP, end="")
        return 0
    if words[0] == "--version":
        from qa_bench import __version__

        print(f"qa-bench {__version__}")
        return 0
    if words[0] in ("-sc", "--shell-completion"):
        return _complete(words)
    try:
        words = _without_trust(words)
    except UserError as error:
        return _failed(str(error))
    if not words:
        return _failed("name a verb: `qa-bench --help` lists them")
    verb, rest = words[0], words[1:]
    if {"-h", "--help"} & {*rest} and verb in PAGES:
        print(page(verb), end="")
        return 0
    if verb == "list":
        from qa_bench.cli.listing import listing

        return listing(rest)
    if verb == "doctor":
        from qa_bench.cli.doctor import doctor

        return doctor(rest)
    if verb == "verify-cache":
        from qa_bench.cli.verify_cache import verify_cache

        return verify_cache(rest)
    if verb == "fetch":
        from qa_bench.cli.fetch import fetch

        return fetch([_spelled(word, verb) for word in rest])
    if verb == "verify":
        from qa_bench.cli.verify import verify

        return verify([_spelled(word, verb) for word in rest])
    from qa_bench.cli import app

    if verb not in app.VERBS:
        from qa_bench.line.names import near

        verbs = [*app.VERBS, *ALONE]
        hint = near(verb, verbs)
        if "=" in verb or verb.startswith("-"):
            hint = f"; the verb comes first: qa-bench run {verb}"
        return _failed(f"no verb '{verb}': use one of {', '.join(verbs)}{hint}")
    try:
        rest = positional(verb, rest)
    except UserError as error:
        return _failed(str(error))
    return app.main(verb, [_spelled(word, verb) for word in rest])


def _failed(message: str) -> int:
    print(f"qa-bench: error: {message}", file=sys.stderr)
    return 2


def _without_trust(words: list[str]) -> list[str]:
    """The words without ``--trust MODULE``, and those modules trusted.

    Raises:
        UserError: no module is named.
    """
    from qa_bench.trust import allow

    others, modules = [], []
    rest = iter(words)
    for word in rest:
        if word == "--trust":
            modules.append(next(rest, ""))
        elif word.startswith("--trust="):
            modules.append(word.removeprefix("--trust="))
        else:
            others.append(word)
            continue
        if not modules[-1] or modules[-1].startswith("-") or "=" in modules[-1]:
            raise UserError("--trust needs the name of a module, such as --trust my_retrievers")
    allow(modules)
    return others


def _spelled(word: str, verb: str) -> str:
    """The few words that are not Hydra's own: --json, -v, short names of a few verbs."""
    if word == "--json":
        return "json=true"
    if word in ("-v", "--verbose"):
        return "verbose=true"
    if verb == "export" and word.startswith(("what=", "format=", "out=")):
        return f"export.{word}"
    if verb == "plot" and word.startswith(("kind=", "metric=", "sets=", "out=", "by=")):
        return f"plot.{word}"
    if verb == "synthesize" and word.startswith("n="):
        return f"synthesize.{word}"
    if verb == "table" and word.startswith(("format=", "layout=")):
        return f"table.{word}"
    return word


def _complete(words: list[str]) -> int:
    """Tab completion: verbs are completed here, everything after one by Hydra."""
    from qa_bench.cli import app

    line = os.environ.get("COMP_LINE", "")
    typed = line.split(" ")
    if words[1:2] == ["query=bash"] and len(typed) > 1:
        if len(typed) == 2:
            verbs = [*app.VERBS, *ALONE]
            print(" ".join(verb for verb in verbs if verb.startswith(typed[1])))
            return 0
        os.environ["COMP_LINE"] = " ".join([typed[0], *typed[2:]])
    return app.main("run", words)
