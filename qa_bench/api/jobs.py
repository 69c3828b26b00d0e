"""From overrides to lines, as the command line composes them, for use inside of a program."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from qa_bench.errors import UserError
from qa_bench.line.labels import labels
from qa_bench.line.line import Line
from qa_bench.paths import CONF, register_resolvers


def lines(overrides: Sequence[str]) -> list[Line]:
    """A line for each job: one, or as many as comma-separated values and the experiment make.

    Raises:
        UserError: an override that Hydra refuses.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.types import RunMode

    from qa_bench.line.further import jobs_of, settings_of
    from qa_bench.line.overrides import plain_words

    with _loader(overrides) as loader:
        texts = plain_words(overrides, swept=True)
        master = loader.load_configuration(
            "config", texts, run_mode=RunMode.MULTIRUN, from_shell=False
        )
        swept = master.hydra.mode == RunMode.MULTIRUN
        params = (master.hydra.sweeper.params or {}).items() if swept else ()
        words = [*(f"{name}={values}" for name, values in params), *texts]
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(words)
        names = settings_of(parsed)
        jobs = [loader.load_sweep_config(master, job) for job in jobs_of(parsed)]
        return [_line(config, names, place) for place, config in enumerate(jobs)]


def _line(config: Any, swept: Collection[str], place: int) -> Line:
    from omegaconf import open_dict

    hydra = config.hydra
    with open_dict(config):
        del config["hydra"]
    return Line(config, *labels(config, hydra, swept)._replace(place=place))


@contextmanager
def _loader(overrides: Sequence[str]) -> Iterator[Any]:
    """Hydra's loader of configurations; what Hydra was doing otherwise is left as it was.

    Raises:
        UserError: in one line, what Hydra complains of.
    """
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from qa_bench.line.composition import nothing_twice
    from qa_bench.line.explain import explain

    register_resolvers()
    try:
        with nothing_twice(), initialize_config_dir(str(CONF), version_base="1.3"):
            yield GlobalHydra.instance().config_loader()
    except UserError:
        raise
    except Exception as error:
        if (message := explain(error, overrides)) is None:
            raise
        raise UserError(message) from error
