"""Where the files that ship with the package lie: beside it in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _shipped(in_checkout: str, in_wheel: str) -> Path:
    root = _PACKAGE.parent
    if (root / "pyproject.toml").is_file() and (root / in_checkout).is_dir():
        return root / in_checkout
    return _PACKAGE / in_wheel


CONF = _shipped("conf", "conf")
"""The Hydra configuration."""

SAMPLE = _shipped("data/sample", "sample")
"""The sample corpus and its questions."""


def register_resolvers() -> None:
    """Make ``${qa_bench.sample:}`` and ``${qa_bench.of_set:NAME,{…}}`` known to the configuration.

    The latter is a setting that differs from question set to question set; 1 on others.
    """
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("qa_bench.sample", lambda: str(SAMPLE), replace=True)
    OmegaConf.register_new_resolver(
        "qa_bench.of_set", lambda name, values: values.get(name, 1.0), replace=True
    )
