"""Between the command line and the line of stages: composes the configuration, runs a verb."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from qa_bench.errors import UserError
from qa_bench.line.labels import labels
from qa_bench.line.messages import one_line
from qa_bench.paths import CONF, register_resolvers

if TYPE_CHECKING:
    from qa_bench.fetch.sources import Requirement

log = logging.getLogger(__name__)


def _run(line: Any, config: Any) -> Any:
    from qa_bench.line.record import record

    return record(line)


def _import(line: Any, config: Any) -> Any:
    if config.run is None:
        raise UserError("import needs run=<file>: a TREC run, DPR's or pyserini's retrieval JSON")
    return _run(line, config)


def _chunk(line: Any, config: Any) -> None:
    _tell("passages", line, line.passages)


def _index(line: Any, config: Any) -> None:
    for index in line.indexes:
        _tell("index", line, index)


def _search(line: Any, config: Any) -> None:
    _tell("run", line, line.run)


def _rerank(line: Any, config: Any) -> None:
    if line.reranker is None:
        raise UserError("rerank needs reranker=<one of `qa-bench list reranker`>")
    _tell("run", line, line.ranked)


def _read(line: Any, config: Any) -> None:
    if line.answers is None:
        raise UserError("read needs reader=<one of `qa-bench list reader`>")
    _tell("answers", line, line.answers)


def _tell(what: str, line: Any, stage: Any) -> None:
    folder = line.context.run(stage)
    counts = ", ".join(f"{number} {name}" for name, number in folder.manifest["counts"].items())
    print(f"{what}: {folder.path} ({counts})")


def _export(line: Any, config: Any) -> None:
    from qa_bench.cli.export import export

    export(line, config)


def _plan(line: Any, config: Any) -> None:
    from qa_bench.cli.plan import plan
    from qa_bench.cli.synthesize import is_meant, synthesis_plan

    print(synthesis_plan(line, config) if is_meant(line) else plan(line))


def _tune(line: Any, config: Any) -> None:
    from qa_bench.cli.tune import tune

    print(tune(line, config))


def _of_results(verb: str) -> Callable[[Any, Any], None]:
    """What prints what a verb says of results: a function of the configuration, called as it is."""

    def work(line: Any, config: Any) -> None:
        print(getattr(import_module(f"qa_bench.cli.{verb}"), verb)(config))

    return work


def _diff(line: Any, config: Any) -> None:
    from qa_bench.cli.diff import diff

    text, same = diff(config)
    print(text, flush=True)
    if not same:
        raise SystemExit(1)


def _check(line: Any, config: Any) -> None:
    from qa_bench.cli.check import check

    text, passed = check(config)
    print(text, flush=True)
    if not passed:
        raise SystemExit(1)


def _mine(line: Any, config: Any) -> None:
    from qa_bench.cli.mine import mine

    print(mine(line))


def _synthesize(line: Any, config: Any) -> None:
    from qa_bench.cli.synthesize import synthesize

    print(synthesize(line, config))


def _train(line: Any, config: Any) -> None:
    from qa_bench.cli.train import train

    print(train(line))


def _table(line: Any, config: Any) -> None:
    """Nothing of its own: the tables are written at the end."""
    from qa_bench.settings import one_of

    one_of("format", config.table.format, (None, "latex"))


VERBS: dict[str, Callable[[Any, Any], Any]] = {
    "run": _run,
    "chunk": _chunk,
    "index": _index,
    "search": _search,
    "rerank": _rerank,
    "read": _read,
    "score": _run,
    "table": _table,
    "import": _import,
    "export": _export,
    "plan": _plan,
    "tune": _tune,
    "analyse": _of_results("analyse"),
    "plot": _of_results("plot"),
    "explain": _of_results("explain"),
    "compare": _of_results("compare"),
    "diff": _diff,
    "check": _check,
    "mine": _mine,
    "synthesize": _synthesize,
    "train": _train,
}
_WITH_TABLES = {"run", "score", "import", "table"}


_RESULTS_ALONE = frozenset({"table", "plot", "explain", "compare", "diff", "check", "verify"})
"""Verbs that read results and nothing else."""

_WITHOUT_CORPUS = frozenset({"analyse", "train", "import", "fetch"}) | _RESULTS_ALONE
"""Verbs that may need no passages."""

_LOOK_ONLY = frozenset({"plan", "fetch"}) | _RESULTS_ALONE
"""Verbs that download nothing on their way; fetch does, once it has looked."""


def _needs_passages(verb: str, config: Any) -> bool:
    """Whether a corpus must be chosen before the verb begins."""
    if verb == "import":
        return bool(config.run)
    if verb == "export" and config.export.what == "results":
        return False
    return verb not in _WITHOUT_CORPUS


@contextmanager
def _allowance(verb: str, config: Any) -> Iterator[None]:
    """Whether the stages may download what they miss."""
    from qa_bench.net.consent import large_downloads
    from qa_bench.net.policy import network_forbidden, no_downloads

    with ExitStack() as stack:
        stack.enter_context(large_downloads(bool(config.get("yes", False))))
        if config.get("offline", False):
            stack.enter_context(network_forbidden())
        elif verb in _LOOK_ONLY:
            stack.enter_context(no_downloads())
        yield


class _Unread(BaseException):
    """Nobody reads stdout any more; Hydra has a word of its own for every ``Exception``."""


GROUPS = ("dataset", "corpus")
"""What reads official files."""


def requirements_of(line: Any, groups: Sequence[str] = GROUPS) -> list[Requirement]:
    """The official files that a line reads.

    Raises:
        UserError: a part cannot be made, or no corpus is chosen.
    """
    return [thing for group in groups for thing in getattr(line, group).requirements()]


def _chosen_groups(line: Any) -> list[str]:
    """``GROUPS``, without the corpus where none is chosen."""
    try:
        return [group for group in GROUPS if getattr(line, group)]
    except UserError:
        return ["dataset"]


def main(
    verb: str, overrides: Sequence[str], work: Callable[[Any, Any], None] | None = None
) -> int:
    """Run ``verb`` under Hydra; its errors are messages in one line.

    Args:
        verb: one of ``VERBS``, or what ``work`` does.
        overrides: the words after it.
        work: what to do with each job's line and configuration; None for what the verb does.

    Returns:
        The exit status: 0, 2 for what the user can mend, 130 for Ctrl-C.

    Raises:
        BrokenPipeError: nobody reads what is printed.
    """
    # Hydra shall raise instead of printing its own report and exiting.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    import hydra
    from hydra.core.hydra_config import HydraConfig

    from qa_bench.cli.analyse import systems
    from qa_bench.cli.multirun import Expected, Jobs
    from qa_bench.cli.train import with_defaults
    from qa_bench.line.composition import nothing_twice
    from qa_bench.line.explain import explain
    from qa_bench.line.further import further_jobs
    from qa_bench.line.overrides import is_swept, plain_words
    from qa_bench.report.runs import over_settings
    from qa_bench.runtime.progress import end_whole

    package = logging.getLogger("qa_bench")
    level = package.level
    jobs = Expected.jobs = Jobs()
    tell = verb in _WITH_TABLES
    messages: list[str] = []

    def task(config: Any) -> None:
        """One job; a failed one does not keep the others of a multirun from running."""
        from qa_bench.fetch.sources import MissingError, list_missing
        from qa_bench.line.line import Line
        from qa_bench.parts import make

        register_resolvers()  # a launcher's process knows none yet
        package.setLevel(logging.INFO if config.verbose else logging.WARNING)
        names = labels(config, HydraConfig.get(), jobs.swept)
        jobs.quiet = bool(config.json)
        if verb == "table":
            jobs.systems, jobs.whole = systems(config), True
        line, made, problem, status = None, None, "", 0
        try:
            with _allowance(verb, config):
                make("statistics", config.statistics)  # a slip is told before anything runs
                over_settings(config.table.over)
                line = Line(config, *names)
                if _needs_passages(verb, config):
                    line.check_corpus(verb)
                if tell and verb != "table" and not config.run:
                    jobs.draw(line)
                with line.context.watching():
                    made = (work or VERBS[verb])(line, config)
        except BrokenPipeError:  # nobody reads on: the command ends, without a word
            raise _Unread from None
        except (UserError, OSError, ModuleNotFoundError) as error:
            problem, status = one_line(error) or str(error), 2
            untold = verb not in _LOOK_ONLY and problem not in messages
            if isinstance(error, MissingError) and untold:
                list_missing(requirements_of(line, _chosen_groups(line)))
        except SystemExit as end:
            if not jobs.several:
                raise
            problem, status = f"it ended with exit status {end.code or 0}", 1
        except Exception as error:
            if not jobs.several:
                raise
            traceback.print_exc()
            problem, status = " ".join(f"{type(error).__name__}: {error}".split()), 1
        if problem and not jobs.several and problem not in messages:
            print(f"qa-bench: error: {problem}", file=sys.stderr)
        messages.append(problem)
        outcome = jobs.outcome(config, names, line, made, problem=problem, status=status)
        jobs.note(outcome, tell or bool(problem))

    decorated = hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(task)
    reason = ""
    try:
        options, words = split_options(overrides)
        check_options(options)
        words = with_defaults(words) if verb == "train" else words
        for note in repeated(words):
            print(f"qa-bench: {note}", file=sys.stderr)
        words = plain_words(words, is_swept(options, words))
        sys.argv = ["qa-bench", *options, *words]
        with nothing_twice(), further_jobs():
            decorated()
    except (BrokenPipeError, _Unread):
        raise BrokenPipeError from None
    except Exception as error:
        problem = explain(error, words)
        died = type(error).__module__.startswith(("joblib", "concurrent."))
        if not jobs.several or not (jobs.began() or died):
            if problem is None:
                raise
            print(f"qa-bench: error: {problem}", file=sys.stderr)
            return 2
        reason = problem or " ".join(f"{type(error).__name__}: {error}".split())
    finally:
        end_whole()
        package.setLevel(level)
    jobs.gather(reason)
    status = 0
    if tell:
        try:
            jobs.tables()
        except BrokenPipeError:
            raise
        except (UserError, OSError) as error:
            print(f"qa-bench: error: {one_line(error) or error}", file=sys.stderr)
            status = 2
    return max(status, jobs.finish())


_WITH_VALUE = ("--cfg", "-c", "--package", "-p", "--config-dir", "-cd", "--config-name", "-cn")


_OPTIONS = (
    *("--help", "--hydra-help", "--version", "--cfg", "--resolve", "--package", "--run"),
    *("--multirun", "--shell-completion", "--config-path", "--config-name", "--config-dir"),
    *("--experimental-rerun", "--info", "--json", "--verbose", "--trust"),
)
"""Hydra's long options and ours."""


def check_options(options: Sequence[str]) -> None:
    """Whether there are such long options; beginnings of their names do, too.

    Raises:
        UserError: there is no such option.
    """
    from qa_bench.line.names import near

    for option in options:
        name = option.partition("=")[0]
        if name.startswith("--") and not any(one.startswith(name) for one in _OPTIONS):
            raise UserError(f"no option {name}{near(name, _OPTIONS)}")


def repeated(words: Sequence[str]) -> list[str]:
    """What to say of settings that stand twice: of Hydra's overrides the last one counts."""
    values: dict[str, list[str]] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and not name.startswith("~"):
            values.setdefault(name.lstrip("+"), []).append(value)
    return [
        f"{name} stands {len(every)} times: {name}={every[-1]} counts"
        for name, every in values.items()
        if len({*every}) > 1
    ]


def split_options(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Hydra's options, which may stand anywhere, and the overrides; its parser wants them apart."""
    options: list[str] = []
    overrides: list[str] = []
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            overrides.append(word)
            continue
        options.append(word)
        if word in _WITH_VALUE:
            options.extend(value for value in [next(rest, None)] if value is not None)
    return options, overrides
