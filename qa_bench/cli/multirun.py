"""The jobs of one command: which there are, what became of each, and how the command ends.

Hydra's launchers run jobs in this process or in others. Those of this process are noted as they
end; others leave a note in a file, so that a job counts whoever ran it. Without one, it has died.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import OmegaConf

from qa_bench.cli.plan import seconds_to_build
from qa_bench.engine.files import write_whole
from qa_bench.errors import DataError, UserError
from qa_bench.line.further import jobs_of, settings_of
from qa_bench.line.labels import Labels, labels
from qa_bench.line.line import Line
from qa_bench.net.policy import no_downloads
from qa_bench.parts import make
from qa_bench.report.failures import Outcome, failures, headline, stale, twins
from qa_bench.report.files import write, write_tables
from qa_bench.report.latex import latex
from qa_bench.report.record import Record
from qa_bench.report.rows import choose
from qa_bench.report.runs import members, over_settings
from qa_bench.report.table import Table
from qa_bench.report.terminal import text
from qa_bench.runtime.progress import start_whole, whole
from qa_bench.settings import strings

log = logging.getLogger(__name__)

_OF_TABLES = ("statistics", "merge", "table")
"""What of the configuration tells how tables are made."""
_DIED = "its process ended before the job did"


class Jobs:
    """What is known of a command's jobs; it travels to the processes that run them.

    Attributes:
        overrides: of each job; empty for a single run, and where they are not known beforehand.
        swept: the settings of which the command has several values.
        outcomes: what became of the jobs, as far as this process knows.
        systems: those that are printed; empty for all.
        quiet: print a JSON line a row and set instead of the table.
        whole: of rows of other commands, too.
    """

    def __init__(self) -> None:
        """No job is known yet: a single one, unless Hydra says otherwise."""
        self.overrides: list[list[str]] = []
        self.swept: frozenset[str] = frozenset()
        self.outcomes: list[Outcome] = []
        self.systems: list[str] = []
        self.quiet = self.whole = False
        self._process = os.getpid()
        self._notes: Path | None = None
        self._compose: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """What other processes need: not how to compose."""
        return {**vars(self), "_compose": None, "outcomes": []}

    @property
    def here(self) -> bool:
        """Whether this is the command's own process."""
        return os.getpid() == self._process

    @property
    def several(self) -> bool:
        """Whether the command is a multirun of more than one job."""
        return len(self.overrides) != 1 and self._notes is not None

    def expect(self, config: Any) -> None:
        """Learn of the jobs of a multirun, from what all of them have in common.

        The jobs of a sweeper that makes them up as it goes are not known beforehand.
        """
        from hydra.core.global_hydra import GlobalHydra
        from hydra.core.override_parser.overrides_parser import OverridesParser
        from hydra.errors import HydraException

        loader = GlobalHydra.instance().config_loader()
        self.quiet = bool(config.json)
        params = config.hydra.sweeper.get("params") or {}
        words = [f"{name}={values}" for name, values in params.items()]
        self._notes = Path(config.hydra.sweep.dir).absolute() / f"jobs-{uuid.uuid4().hex}"
        try:
            parsed = OverridesParser.create(config_loader=loader).parse_overrides(
                [*words, *config.hydra.overrides.task]
            )
            self.swept = settings_of(parsed)
            self.overrides = jobs_of(parsed)
        except HydraException:
            return
        self._compose = lambda job: loader.load_sweep_config(config, job)

    def count(self) -> int:
        """How many jobs there are, as far as is known."""
        return max(len(self.overrides), len(self.outcomes), 1)

    def draw(self, line: Line) -> None:
        """Draw one bar for all jobs, if this is the first: on a terminal alone.

        Args:
            line: of the job that begins.
        """
        if not (self.here and sys.stderr.isatty() and line.config.runtime.progress):
            return
        if whole() is None:
            lines = self._lines() if self.several else [line]
            with no_downloads():
                start_whole(seconds_to_build(lines))
        if (bar := whole()) is not None and self.several:
            bar.job = f"{line.place + 1}/{self.count()} {line.system}"

    def _lines(self) -> Iterator[Line]:
        for number, words in enumerate(self.overrides):
            config = self._compose(list(words))
            names = labels(config, config.hydra, self.swept)._replace(place=number)
            try:
                yield Line(config, *names)
            except UserError:  # the job itself will say so
                continue

    def note(self, outcome: Outcome, tell: bool) -> None:
        """Take down what became of a job.

        Args:
            outcome: that.
            tell: say so in a line.
        """
        if self.here:
            self.outcomes.append(outcome)
        elif self._notes is not None:
            self._notes.mkdir(parents=True, exist_ok=True)
            path = self._notes / f"{outcome.number}-{uuid.uuid4().hex}.json"
            write_whole(path, json.dumps(asdict(outcome)))
        if tell and self.several:
            _say(outcome.line(max(self.count(), outcome.number + 1)))

    def began(self) -> bool:
        """Whether any job has ended."""
        return bool(self.outcomes) or (self._notes is not None and self._notes.is_dir())

    def gather(self, reason: str = "") -> None:
        """Collect the notes of other processes; a job that is known and left none has failed.

        Args:
            reason: what the launcher says of it.
        """
        if self._notes is not None:
            for path in self._notes.glob("*.json"):
                self.outcomes.append(Outcome(**json.loads(path.read_text(encoding="utf-8"))))
            shutil.rmtree(self._notes, ignore_errors=True)
        there = {outcome.number for outcome in self.outcomes}
        for number, words in enumerate(self.overrides):
            if number not in there:
                self.outcomes.append(self._lost(number, words, reason or _DIED))
        self.outcomes.sort(key=lambda outcome: outcome.number)

    def _lost(self, number: int, words: Sequence[str], reason: str) -> Outcome:
        """A job that said nothing."""
        try:
            config = self._compose(list(words))
            names = labels(config, config.hydra, self.swept)._replace(place=number)
            return self.outcome(config, names, None, problem=reason, status=1)
        except Exception:  # why it is lost may be that it cannot be composed
            return Outcome(number, " ".join(words), "", "", "", "", problem=reason, status=1)

    def outcome(
        self, config: Any, names: Labels, line: Any, made: Any = None, **more: Any
    ) -> Outcome:
        """What became of a job.

        Args:
            config: its configuration.
            names: its labels.
            line: its line; None where there is none.
            made: what its verb has returned: a record, where it made one.
            more: the rest of the fields.
        """
        record = made if isinstance(made, Record) else None
        strings("merge", config.merge)
        tables: Any = OmegaConf.to_container(
            OmegaConf.create({name: config[name] for name in _OF_TABLES}), resolve=True
        )
        return Outcome(
            number=names.place,
            system=names.system,
            corpus=record.corpus if record else _corpus(line),
            question_set=record.question_set if record else _question_set(config, names),
            results=str(config.paths.results),
            experiment=str(config.name),
            figure=headline(record) if record else "",
            row=record.row if record else "",
            tables=tables,
            with_corpus=any(s.partition(".")[0] in ("corpus", "chunker") for s in self.swept),
            **more,
        )

    def tables(self) -> None:
        """Write the tables of the experiments that jobs belong to, and print them.

        Of ``systems`` alone where there are any, and not if ``quiet``.

        Raises:
            UserError: a table cannot be written, or there is no such system.
        DataError: a file of the results was edited; the tables are written without its row.
        """
        places = [(one.results, one.experiment) for one in self.outcomes if not one.problem]
        faults: list[DataError] = []
        for results, name in dict.fromkeys(places):
            of_it = [one for one in self.outcomes if (one.results, one.experiment)
                     == (results, name)]  # fmt: skip
            missing = stale(of_it)
            settings = OmegaConf.create(next(dict(one.tables) for one in of_it if one.tables))
            statistics = make("statistics", settings.statistics)
            over = over_settings(settings.table.over)
            table = write_tables(
                Path(results), name, missing, statistics, list(settings.merge), over
            )
            files = [f"{Path(results) / name}.{kind}" for kind in ("md", "csv")]
            if settings.table.format is not None:
                files.append(f"{Path(results) / name}.tex")
                write(Path(files[-1]), latex(table, settings.table.layout))
            if self.systems:
                some = choose(table.records, self.systems)
                table = Table(name, some, missing, table.outcomes, statistics, table.faults)
            if self.quiet:
                rows = {
                    (run.row, run.question_set): place
                    for place, one in enumerate(table.records)
                    for run in members(one)
                }
                own = [rows.get((one.row, one.question_set)) for one in of_it]  # as they ran
                for place in dict.fromkeys(range(len(table.records)) if self.whole else own):
                    if place is not None:
                        print(table.line(table.records[place]), flush=True)
            else:
                print(text(table), flush=True)
            faults += table.faults
            print(f"tables: {', '.join(files)}", file=sys.stderr)
        if faults:
            raise faults[0]

    def finish(self) -> int:
        """Tell which jobs failed, and return the exit status."""
        for problem in twins(self.outcomes):
            log.warning("%s", problem)
        if self.several and (lines := failures(self.outcomes, self.count())):
            print("qa-bench: error: " + "\n".join(lines), file=sys.stderr)
        return max((outcome.status for outcome in self.outcomes), default=0)


def _question_set(config: Any, names: Labels) -> str:
    """What a table would call the set of a job that failed."""
    name = str(config.dataset.get("name") or names.choices.get("dataset"))
    split = config.dataset.get("split") or "test"
    return name if split == "test" else f"{name}-{split}"


def _corpus(line: Any) -> str:
    """The corpus of a job that failed, where it can be told."""
    try:
        return "" if line is None or line.config.predictions else str(line.passages_label)
    except Exception:  # the corpus may be what is wrong
        return ""


def _say(message: str) -> None:
    if whole() is None:
        print(message, file=sys.stderr, flush=True)
        return
    from tqdm import tqdm

    tqdm.write(message, file=sys.stderr)  # above the bar


class Expected(Callback):
    """Hydra's callback that says which jobs a multirun has."""

    jobs: Jobs | None = None
    """Those of the command under way."""

    def on_multirun_start(self, config: Any, **kwargs: Any) -> None:
        """Before the first job."""
        if Expected.jobs is not None:
            Expected.jobs.expect(config)
