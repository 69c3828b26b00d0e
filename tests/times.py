"""How long the tests take, and which of them are slow: those that ``slow.txt`` names.

    pytest --times FILE           # the seconds of each test function
    python tests/times.py FILE …  # writes slow.txt anew, from runs of all tests

A function costs what all its cases do, and each dear fixture that it shares with others at its full
price: it would have to pay that alone. Libraries are imported before the first test is timed,
since the quick tests need them too. Where several runs were timed the smallest time counts: what
else a machine does makes tests slower, never faster.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

import forks
import pytest

TESTS = Path(__file__).resolve().parent
SLOW = TESTS / "slow.txt"
CPU, WALL = 0.15, 3.0
"""Seconds: a function that takes more of either is slow. A busy machine adds to the second alone,
hence the generous bound: it is for tests that wait."""
MODELS = tuple(f"transformers.models.{kind}.modeling_{kind}" for kind in ("bert", "t5", "llama"))
HEADING = """\
# The slow tests, which `make check` leaves out: test functions, or files in which all are slow.
# Written by tests/times.py, which tells how; not by hand.
"""


Cost = tuple[float, float]
"""Seconds by the wall's clock, and of CPU: of this process, of those it started and waited for, and
of the commands that were forked for it."""


def clocks() -> Cost:
    ended = os.times()
    children = ended.children_user + ended.children_system + forks.seconds()
    return time.perf_counter(), time.process_time() + children


def plus(one: Cost, other: Cost) -> Cost:
    return one[0] + other[0], one[1] + other[1]


def minus(one: Cost, other: Cost) -> Cost:
    return one[0] - other[0], one[1] - other[1]


def listed() -> frozenset[str]:
    """What ``slow.txt`` names: ``tests/…/test_x.py`` or ``tests/…/test_x.py::test_y``."""
    lines = SLOW.read_text(encoding="utf-8").splitlines() if SLOW.exists() else []
    return frozenset(line for line in lines if line and not line.startswith("#"))


def function_of(test: str) -> str:
    """The name of a test without its parameters."""
    return test.partition("[")[0]


# What pytest calls


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--times", metavar="FILE", help="write the seconds of each test to FILE")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--times"):
        config.pluginmanager.register(Watch(config.rootpath / config.getoption("--times")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    names = listed()
    for item in items:
        function = function_of(item.nodeid)
        if function in names or function.partition("::")[0] in names:
            item.add_marker(pytest.mark.slow)


class Watch:
    """Times the tests; where several processes run them, the first puts it all together."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.tests: dict[str, dict[str, Any]] = {}
        self._began = clocks()
        self._shared: list[tuple[str, Cost]] = []

    def pytest_collection_finish(self) -> None:
        for name in (*forks.HEAVY, *MODELS):
            importlib.import_module(name)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, object, object]:
        began = clocks()
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                place = f"{fixturedef.baseid}::{fixturedef.argname}"
                self._shared.append((place, minus(clocks(), began)))

    def pytest_runtest_logstart(self) -> None:
        self._began = clocks()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Function
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        now = clocks()
        report.times = {"cost": minus(now, self._began), "shared": self._shared}
        report.times["fixtures"] = list(item.fixturenames)
        self._began, self._shared = now, []
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not hasattr(report, "times"):
            return  # of a worker that crashed
        test = self.tests.setdefault(report.nodeid, {"cost": (0.0, 0.0), "shared": []})
        test["cost"] = plus(test["cost"], report.times["cost"])
        test["shared"] += report.times["shared"]
        test["fixtures"] = report.times["fixtures"]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not hasattr(session.config, "workerinput"):
            self.file.write_text(json.dumps(costs(self.tests), indent=0), encoding="utf-8")


# What a run's times say


def costs(tests: Mapping[str, Mapping[str, Any]]) -> dict[str, Cost]:
    """What each test function costs when it runs alone."""
    prices: dict[str, Cost] = {}
    for test in tests.values():
        for place, price in test["shared"]:
            prices[place] = max(price, prices.get(place, price))
    found: dict[str, Cost] = {}
    used: dict[str, set[str]] = defaultdict(set)
    for name, test in tests.items():
        function, cost = function_of(name), test["cost"]
        for _, price in test["shared"]:
            cost = minus(cost, price)
        found[function] = plus(found.get(function, (0.0, 0.0)), cost)
        for fixture in test["fixtures"]:
            places = [place for place in prices if place.endswith(f"::{fixture}")]
            within = [place for place in places if name.startswith(place.rpartition("::")[0])]
            used[function].update(sorted(within, key=len)[-1:])  # the nearest hides the others
    for function, places in used.items():
        for place in places:
            found[function] = plus(found[function], prices[place])
    return {name: (round(wall, 3), round(cpu, 3)) for name, (wall, cpu) in sorted(found.items())}


def smallest(runs: Iterable[Mapping[str, Cost]]) -> dict[str, Cost]:
    """The smallest times of each function."""
    least: dict[str, Cost] = {}
    for run in runs:
        for name, (wall, cpu) in run.items():
            before = least.get(name, (wall, cpu))
            least[name] = (min(wall, before[0]), min(cpu, before[1]))
    return least


def is_slow(cost: Cost) -> bool:
    wall, cpu = cost
    return wall > WALL or cpu > CPU


def slow(times: Mapping[str, Cost]) -> list[str]:
    """The lines of ``slow.txt``."""
    files: dict[str, list[str]] = defaultdict(list)
    for name in sorted(times):
        files[name.partition("::")[0]].append(name)
    lines: list[str] = []
    for file, names in sorted(files.items()):
        dear = [name for name in names if is_slow(times[name])]
        lines += [file] if len(dear) == len(names) else dear
    return lines


def main(files: list[str]) -> None:
    """Write ``slow.txt``, and say what is left to the quick tests."""
    times = smallest(json.loads(Path(file).read_text(encoding="utf-8")) for file in files)
    lines = slow(times)
    SLOW.write_text(HEADING + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    quick = [cost for cost in times.values() if not is_slow(cost)]
    seconds = sum(cpu for _, cpu in quick)
    print(f"{len(lines)} lines; {len(quick)} of {len(times)} functions are quick, {seconds:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
