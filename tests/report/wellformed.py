"""A strict reader of the pages: every tag closed, every id once, nothing from outside, no stray script."""

import re
from html.parser import HTMLParser


class Reader(HTMLParser):
    """Collects text, ids, links and faults of a document or fragment."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.faults, self.text = [], [], [], [], []
        self.tags = []
        self.feed(html)
        self.close()
        if self.open:
            self.faults.append(f"never closed: {self.open}")

    def handle_starttag(self, tag, attrs):
        self._look(tag, attrs)
        if tag not in {"meta", "br", "hr"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self._look(tag, attrs)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing at {self.getpos()}")

    def handle_data(self, data):
        if not self.open or self.open[-1] not in {"style", "script"}:
            self.text.append(data)

    def _look(self, tag, attrs):
        self.tags.append(tag)
        names = [name for name, _ in attrs]
        if len(set(names)) < len(names):
            self.faults.append(f"<{tag}> has an attribute twice")
        for name, value in attrs:
            self._attribute(tag, name, value or "")

    def _attribute(self, tag, name, value):
        if name == "id":
            self.ids.append(value)
        if name in {"src", "srcset", "action", "data", "poster"} or name.startswith("on"):
            self.faults.append(f"<{tag} {name}={value[:40]!r}>")
        if name in {"href", "xlink:href"}:
            self.links.append(value)
            if not value.startswith(("#", "data:image/png;base64,")):
                self.faults.append(f"<{tag}> points to {value[:60]!r}")
        for inside in re.findall(r"url\(([^)]*)\)", value):
            if not inside.startswith("#"):
                self.faults.append(f"<{tag} {name}> loads {inside!r}")

    @property
    def content(self):
        return " ".join(" ".join(self.text).split())


def read(html, *, whole=False):
    """Read `html` and assert that it has no fault; the references inside it resolve where it is a whole page."""
    reader = Reader(html)
    assert not reader.faults, reader.faults[:5]
    assert len(set(reader.ids)) == len(reader.ids), [name for name in reader.ids if reader.ids.count(name) > 1][:5]
    bare = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", html)
    for outside in ("http:", "https:", "@import", "src=", "<link", "<iframe", "<object"):
        assert outside not in bare, outside
    if whole:
        missing = {link[1:] for link in reader.links if link.startswith("#")} - set(reader.ids)
        missing |= set(re.findall(r"url\(#([^)]*)\)", html)) - set(reader.ids)
        assert not missing, missing
    return reader
