"""The page in a real browser: nothing is asked of the network, no script fails, nothing sticks out on a phone."""

import html
import json
import re
import shutil
import subprocess

import pytest

from posterity.report.history import history_section
from posterity.report.lineage import lineage_section
from posterity.report.page import page
from posterity.report.product import product_section
from posterity.report.run import overview_section, stages_section
from posterity.report.sampling import sampling_section
from posterity.report.scoring import scoring_section

from .examples import (
    EDGES,
    KEYS,
    NODES,
    SHARE,
    estimands,
    product,
    product_facts,
    replicates,
    scores,
    stage_records,
    year,
)
from .test_sampling_section import gate_and_draws
from .wellformed import read

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine (apt-get install chromium)")

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")

# Holds the page in a frame as wide as a phone and writes what it measures into its own body.
PROBE = """<!DOCTYPE html><body><iframe style="border:0;width:{width}px;height:800px" srcdoc="{page}"></iframe><script>
addEventListener("load", function () {{
  var frame = document.querySelector("iframe"), inside = frame.contentDocument, seen = {{ errors: [] }};
  inside.addEventListener("securitypolicyviolation", function (e) {{ seen.errors.push(e.violatedDirective); }});
  seen.closed = inside.documentElement.scrollWidth;
  inside.querySelectorAll("details").forEach(function (fold) {{ fold.open = true; }});
  seen.open = inside.documentElement.scrollWidth;
  seen.asked = frame.contentWindow.performance.getEntriesByType("resource")
    .map(function (e) {{ return e.name; }}).filter(function (name) {{ return !name.startsWith("data:"); }});
  var button = inside.getElementById("theme");
  seen.theme = [button.hidden, button.textContent];
  button.click();
  seen.theme.push(inside.documentElement.dataset.theme);
  seen.ink = frame.contentWindow.getComputedStyle(inside.body).color;
  button.click();
  seen.dark = frame.contentWindow.getComputedStyle(inside.body).color;
  var line = inside.querySelector("figure svg path[style*='--c0']");
  seen.line = line ? frame.contentWindow.getComputedStyle(line).stroke : "";
  document.body.textContent = "SEEN" + JSON.stringify(seen) + "END";
}});
</script></body>"""


@pytest.fixture(scope="module")
def report():
    gate, draws, labels, energy, diverged = gate_and_draws(draws=1000, count=100)
    sections = [
        overview_section(
            "All well.", table=product(50), keys=KEYS, quantity=SHARE, next_steps=[("Do:", "posterity runs")]
        ),
        sampling_section(
            gate, draws, labels, energy=energy, divergent=diverged, estimands=estimands(), replicate=replicates(300)
        ),
        product_section(product_facts(1000), product(1000)),
        scoring_section(scores()),
        lineage_section(NODES, EDGES),
        history_section(year(), "share"),
        stages_section(stage_records(failing=True), {"source": "x" * 300}, {"snapshot": "a" * 64}),
    ]
    return page("flights as of 2013-03-31", sections, {"run": "r" * 80})


def look(report, folder, width):
    """What the browser measured, and what it logged."""
    probe = folder / "probe.html"
    probe.write_text(PROBE.format(width=width, page=html.escape(report)))
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", "--dump-dom"]
    done = subprocess.run([*command, probe.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    seen = re.search(r"SEEN(.*)END", done.stdout)
    assert seen, done.stdout[-500:]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(html.unescape(seen[1])), console


def test_the_whole_report_is_well_formed_and_a_few_megabytes_at_most(report):
    read(report, whole=True)
    assert len(report) < 2_000_000


@pytest.mark.parametrize("width", [390, 800, 1280])
def test_nothing_is_asked_for_nothing_fails_nothing_sticks_out(report, tmp_path, width):
    seen, console = look(report, tmp_path, width)
    assert console == []
    assert seen["errors"] == []
    assert seen["asked"] == []
    assert max(seen["closed"], seen["open"]) <= width
    assert seen["theme"] == [False, "Theme: auto", "light"]
    assert seen["ink"] != seen["dark"]
    assert seen["line"] in {"rgb(86, 168, 232)", "none"}


def test_the_probe_sees_what_it_looks_for(report, tmp_path):
    broken = report.replace(
        "</main>", '<img alt="" src="http://127.0.0.1:9/x.png"><p style="width:900px">wide</p></main>'
    )
    seen, console = look(broken, tmp_path, 390)
    assert any("Content Security Policy" in line for line in console)
    assert seen["closed"] > 390


def test_the_page_works_without_its_script(report, tmp_path):
    bare = re.sub(r"<script>.*?</script>", "", report, flags=re.DOTALL)
    reader = read(bare, whole=True)
    assert "hidden" in bare[bare.index('id="theme"') :][:20]
    assert "details open" in bare
    assert "Overview" in reader.content
