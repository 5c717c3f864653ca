"""One look for all pictures: matplotlib's figure API (no global state), written as small SVG for inlining.

Plots are drawn in the colours of the light theme; in the SVG each becomes a CSS variable, so that one picture serves
the light and the dark page. Text stays text: it takes the page's font and can be searched. Dense artists should be
`rasterized=True`; their pixels have the light theme's colours, which are mid-tones that read on both grounds.
"""

import base64
import hashlib
import io
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from markupsafe import Markup, escape

from posterity.report.markup import trusted

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
BLUE, VERMILION, GREEN, PINK, ORANGE, SKY = COLOURS
INK, MUTED, GRID, GROUND = "#1b1f23", "#5a636c", "#e2e4df", "#ffffff"

PANEL = (3.6, 2.45)
"""Width and height in inches of a picture that stands beside others; readable at the width of a phone."""

_VARIABLES: Mapping[str, str] = {
    **{colour: f"c{i}" for i, colour in enumerate(COLOURS)},
    INK: "plot-ink",
    MUTED: "plot-muted",
    GRID: "plot-grid",
    GROUND: "plot-bg",
}
_STYLE: Mapping[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "posterity",
    "text.parse_math": False,
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 1.2,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.dpi": 120,
}


def plot(
    paint: Callable[[Any], None],
    label: str,
    *,
    x: str = "",
    y: str = "",
    size: tuple[float, float] = PANEL,
) -> Markup:
    """A picture with one pair of axes.

    paint draws on the `matplotlib.axes.Axes` it is given; label says in words what the picture shows (for readers
    who cannot see it); x and y are the labels of the axes, size is in inches.
    """

    def on_figure(figure: Any) -> None:
        axes = figure.subplots()
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        paint(axes)

    return inline(render(on_figure, size), label)


def render(paint: Callable[[Any], None], size: tuple[float, float], form: str = "svg") -> bytes:
    """The bytes of a figure in the common style; paint draws on the `matplotlib.figure.Figure` it is given.

    The same drawing gives the same bytes. form is `svg` or `png`.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    ground = {"savefig.facecolor": GROUND, "savefig.dpi": 160} if form == "png" else {}
    with mpl.rc_context({**_STYLE, **ground}), warnings.catch_warnings():
        # Text is laid out with a font that lacks some scripts, but shown in the reader's own.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=size, layout="constrained")
        paint(figure)
        written = io.BytesIO()
        nothing: dict[str, Any] = {"Date": None, "Creator": None, "Format": None, "Type": None} if form == "svg" else {}
        figure.savefig(written, format=form, metadata=nothing)
    return written.getvalue()


def inline(svg: bytes, label: str) -> Markup:
    """An SVG of matplotlib as an element of a page: themed, about half the size, its ids unlike any other's."""
    text = svg.decode()
    text = text[text.index("<svg") :]
    mark = hashlib.sha256(svg + label.encode()).hexdigest()[:8]
    box = re.search(r'viewBox="([^"]*)"', text)
    opening = f'<svg viewBox="{box[1] if box else ""}" role="img" aria-label="{escape(label)}">'
    text = opening + text[text.index(">") + 1 :]
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r' id="(?:\w+\.)?[A-Za-z0-9]+_\d+"', "", text)
    text = re.sub(r' id="([^"]+)"', rf' id="{mark}\1"', text)
    text = re.sub(r'xlink:href="#', f'href="#{mark}', text).replace("xlink:href=", "href=")
    text = text.replace("url(#", f"url(#{mark}")
    text = re.sub(r" font-family: [^;\"]*;?", "", text)
    text = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", text)
    text = re.sub(r"data:image/png;base64,([^\"]+)", _fewer_colours, text)
    for colour, name in _VARIABLES.items():
        text = text.replace(f": {colour}", f": var(--{name}, {colour})")
    text = re.sub(r' (d|x|y)="([^"]*)"', _round, text)
    return trusted(re.sub(r">\s+<", "><", re.sub(r"\n\s*", " ", text)).strip())


def _round(match: re.Match[str]) -> str:
    """An attribute with its numbers cut to a hundredth of a point."""
    short = re.sub(r"(\d\.\d\d)\d+", r"\1", match[2])
    return f' {match[1]}="{short}"'


def _fewer_colours(match: re.Match[str]) -> str:
    """An inlined PNG with a palette of 64 colours, about a third of the size."""
    from PIL import Image

    written = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(match[1]))) as image:
        image.quantize(64, Image.Quantize.FASTOCTREE).save(written, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode()


def percentages(axis: Any) -> None:
    """Label an axis of shares in percent."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g} %".replace("-", "−")))


def thousands(axis: Any) -> None:
    """Label an axis of counts with thousands separated."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def few_ticks(axis: Any, count: int = 5) -> None:
    """At most `count` intervals, at round numbers."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(count, steps=[1, 2, 2.5, 5, 10]))


def legend(axes: Any, **options: Any) -> None:
    """A legend above the plot, in one line."""
    handles, labels = axes.get_legend_handles_labels()
    columns = options.pop("ncols", max(1, len(labels)))
    axes.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=columns,
        borderaxespad=0.2,
        columnspacing=1.2,
        **options,
    )


def shorten(labels: Iterable[object], length: int = 28) -> list[str]:
    """Labels cut to `length` characters, with an ellipsis where something is gone."""
    texts = [" ".join(str(label).split()) for label in labels]
    return [text if len(text) <= length else text[: length - 1] + "…" for text in texts]
