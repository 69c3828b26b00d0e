"""A gate's verdicts as Markdown and as JUnit's XML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from qa_bench.analysis.gate import Verdict
from qa_bench.analysis.two_systems_text import row

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML may hold."""


def summary(verdicts: Sequence[Verdict]) -> str:
    """How many breaches there are, in a line."""
    breaches = sum(verdict.breach for verdict in verdicts)
    return f"{breaches or 'no'} breach{'' if breaches == 1 else 'es'} in {len(verdicts)} checks"


def markdown(name: str, reference: str, verdicts: Sequence[Verdict]) -> str:
    """Breaches first."""
    against = f" against {reference}" if reference else ""
    lines = [f"# {name}{against}: {summary(verdicts)}", ""]
    lines += [row(["", "set", "system", "fails if", "what is there"]), row(["---"] * 5)]
    for verdict in sorted(verdicts, key=lambda v: not v.breach):
        mark = "**breach**" if verdict.breach else "ok"
        lines.append(row([mark, verdict.set, verdict.system, verdict.condition, verdict.reason]))
    return "\n".join(lines) + "\n"


def junit(name: str, verdicts: Sequence[Verdict]) -> str:
    """A test case a check, as continuous integration reads them."""
    counts = {
        "tests": str(len(verdicts)),
        "failures": str(sum(verdict.breach for verdict in verdicts)),
        "errors": "0",
    }
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(
        root, "testsuite", {"name": _clean(f"qa-bench {name}"), **counts}
    )
    for verdict in verdicts:
        place = {
            "classname": _clean(f"{verdict.set or 'all'}.{verdict.system or 'all'}"),
            "name": _clean(verdict.condition),
        }
        case = ElementTree.SubElement(suite, "testcase", place)
        if verdict.breach:
            failure = ElementTree.SubElement(
                case, "failure", {"message": _clean(verdict.line), "type": "breach"}
            )
            failure.text = _clean(verdict.line)
        else:
            ElementTree.SubElement(case, "system-out").text = _clean(verdict.line)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _clean(text: str) -> str:
    return _NO_XML.sub("�", text)
