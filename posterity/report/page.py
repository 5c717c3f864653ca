"""Sections and the page that shows them: one HTML file that asks nothing of any network."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

from markupsafe import Markup, escape

from posterity.errors import CorruptError
from posterity.report.markup import SIGNS, Verdict, join, pill, trusted

OVERVIEW = "overview"
"""The id of the section that the badges stand above; it needs none itself."""

_MARK = "<!--posterity-section "
_WORDS: Mapping[str, str] = {"ok": "in order", "warn": "look", "bad": "not in order"}


@dataclass(frozen=True)
class Section:
    """A part of the report, kept as an HTML fragment.

    id: the anchor, letters, digits and hyphens; html: well-formed, escaped, without references to anything outside;
    verdict: how the thing shown stands; summary: one sentence, shown under the heading and in the overview.
    """

    id: str
    title: str
    html: str
    verdict: Verdict = ""
    summary: str = ""

    def __post_init__(self) -> None:
        # Builders join `Markup`, whose methods escape what they are given; from here on it is finished text.
        object.__setattr__(self, "html", str(self.html))

    def to_bytes(self) -> bytes:
        """The fragment, after a comment with the other fields; equal sections give equal bytes."""
        head = {name: value for name, value in asdict(self).items() if name != "html"}
        # A comment must not contain "--" or ">".
        line = json.dumps(head, sort_keys=True).replace("-", "\\u002d").replace(">", "\\u003e")
        return f"{_MARK}{line}-->\n{self.html}".encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Section":
        """Raises CorruptError when `data` was not made by `to_bytes`."""
        try:
            head, html = data.decode().removeprefix(_MARK).split("-->\n", 1)
            section = cls(html=html, **json.loads(head))
        except (ValueError, TypeError) as error:
            raise CorruptError(f"the bytes of a report section are not one ({error}); run its stage again") from error
        if section.verdict not in get_args(Verdict):
            raise CorruptError(f"report section {section.id!r} has the unknown verdict {section.verdict!r}")
        return section


def page(title: str, sections: Sequence[Section], meta: Mapping[str, Any]) -> str:
    """A whole HTML document: heading, facts of `meta`, the verdicts of all sections, then the sections.

    The document works offline, without its script, on a phone, in the dark and on paper. Its own content security
    policy forbids every request.
    """
    there = list(_unique(sections))
    script, style = _asset("script.js"), _asset("style.css")
    several = len(there) > 1
    document = _PAGE.format(
        policy=f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src '{_hash(script)}'",
        title=title,
        style=trusted(style),
        script=trusted(script),
        navigation=_navigation(there) if several else "",
        meta=join(Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(*item) for item in meta.items()),
        badges=_badges(there) if several else "",
        sections=join(map(_section, there)) or Markup('<p class="note">This run has left no section yet.</p>'),
    )
    return str(document)


def _unique(sections: Iterable[Section]) -> Iterable[Section]:
    seen: dict[str, int] = {}
    for section in sections:
        count = seen[section.id] = seen.get(section.id, 0) + 1
        yield section if count == 1 else replace(section, id=f"{section.id}-{count}")


def _navigation(sections: Sequence[Section]) -> Markup:
    links = join(
        Markup('<li><a href="#{}"><i class="{}" aria-hidden="true">{}</i>{}</a></li>').format(
            section.id, section.verdict or "none", SIGNS[section.verdict], section.title
        )
        for section in sections
    )
    frame = '<nav aria-label="Sections"><details open><summary>Sections</summary><ol>{}</ol></details></nav>'
    return trusted(frame).format(links)


def _badges(sections: Sequence[Section]) -> Markup:
    cards = join(
        Markup('<a class="card {}" href="#{}"><strong>{}</strong><span>{}</span></a>').format(
            section.verdict, section.id, pill(section.verdict, section.title), _unbroken(escape(section.summary))
        )
        for section in sorted(sections, key=lambda section: ("bad", "warn", "ok", "").index(section.verdict))
        if section.verdict and section.id != OVERVIEW
    )
    return Markup('<div class="cards">{}</div>').format(cards) if cards else Markup("")


def _section(section: Section) -> Markup:
    sign = pill(section.verdict, _WORDS[section.verdict]) if section.verdict else ""
    lead = Markup('<p class="lead">{}</p>').format(section.summary) if section.summary else ""
    return Markup('<section id="{}"><h2>{} {}</h2>{}{}</section>').format(
        section.id, section.title, sign, _unbroken(lead), _unbroken(section.html)
    )


def _unbroken(html: str) -> Markup:
    """HTML in which no line ends between a number and its percent sign."""
    return trusted(re.sub(r"(\d) %", "\\1\u00a0%", html))


def _asset(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


_PAGE = Markup(
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the report</a>
{navigation}
<main id="content">
<header>
<button type="button" id="theme" hidden>Theme</button>
<h1>{title}</h1>
<dl class="meta">{meta}</dl>
{badges}
</header>
{sections}
</main>
<script>{script}</script>
</body>
</html>
"""
)
