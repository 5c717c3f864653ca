"""The page for people in a real browser, on a real server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from posterity.registry import aliases, retirement, versions
from posterity.server.page import FILES
from posterity.store import open_store
from tests.server.browser import CHROMIUM, PHONE, Browser, Page, browser
from tests.server.conftest import NOW, PAST, Strict, fill
from tests.server.process import Server, server
from tests.server.products import register
from tests.shop import Shop
from tests.stalls import Stalls

without = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine (apt-get install chromium)")
DESK = (1280, 900)
SHOWN = "document.querySelectorAll('#row .chart svg').length >= 3"
HEADING = "document.querySelector('#row h2')?.textContent"


class Gone(Shop):
    """A product that was withdrawn."""

    name = "gone"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, clean: pd.DataFrame) -> Iterator[Server]:
    """shop, valid; strict, expired and refused; gone, withdrawn."""
    folder = tmp_path_factory.mktemp("site")
    store = fill(folder, clean)
    for model in (Strict(), Gone()):
        register(store, clean, PAST, model)
        aliases.move(store, model.name, "champion", 1, "tests", "first")
    retirement.retire(store, "gone", 1, "ada", "wrong prices")
    with server(folder, store.url) as running:
        yield running


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


def test_the_page_and_its_parts_are_served_with_etag_gzip_and_policy(site: Server) -> None:
    for path in ("/", *(f"/page/{name}" for name in FILES)):
        answer = site.get(path)
        assert answer.status == 200, path
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert site.get(path, if_none_match=answer.headers["etag"]).status == 304
        small = site.get(path, accept_encoding="gzip")
        assert small.headers["content-encoding"] == "gzip"
        assert len(small.body) < len(answer.body)
    assert site.get("/page/__init__.py").status == 404


@without
@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "dark")])
def test_a_visit_asks_this_server_alone_and_fits_the_screen(
    site: Server, chromium: Browser, size: tuple[int, int], scheme: str
) -> None:
    page = Page(chromium, size)
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    page.open(f"{site.url}/#/shop/b", SHOWN)
    page.see("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    assert page.see("document.documentElement.scrollWidth") <= size[0]
    assert all(address.startswith((site.url, "data:")) for address in page.requests())
    assert page.complaints() == []
    ground = page.see("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(250, 250, 248)", "dark": "rgb(17, 19, 21)"}[scheme]


@without
def test_the_probe_sees_what_it_looks_for(site: Server, chromium: Browser) -> None:
    page = Page(chromium, PHONE)
    page.open(f"{site.url}/#/shop/b", SHOWN)
    page.see("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x.png'}))")
    page.see("document.body.append(Object.assign(document.createElement('pre'), {textContent: 'x'.repeat(200)}))")
    assert page.see("document.documentElement.scrollWidth") > 390
    assert any("Content Security Policy" in text for text in page.complaints())


@without
def test_a_row_is_found_and_chosen_by_keyboard(site: Server, chromium: Browser) -> None:
    page = Page(chromium, DESK)
    page.open(f"{site.url}/#/shop/b", SHOWN)
    assert page.see(HEADING) == "b"
    page.see("document.getElementById('search').focus()")
    page.press("ArrowDown", "ArrowDown", "ArrowUp")
    assert page.see("document.querySelector('#found .active .key').textContent") == "f"  # the largest
    assert page.see("document.getElementById('search').getAttribute('aria-activedescendant')") == "found-0"
    page.press("Enter")
    page.until(f"{HEADING} === 'f' && {SHOWN}")
    assert page.see("location.hash") == "#/shop/f"
    assert page.see("document.activeElement.id") == "row"
    page.see("document.getElementById('search').focus()")
    page.type("c")
    page.until("document.querySelectorAll('#found li').length === 1")
    page.press("Enter")
    page.until(f"{HEADING} === 'c'")
    page.see("history.back()")
    page.until(f"{HEADING} === 'f'")


@without
def test_numbers_on_the_page_are_those_of_the_interface(site: Server, chromium: Browser) -> None:
    page = Page(chromium, DESK)
    page.open(f"{site.url}/#/shop/b", SHOWN)
    row = site.get("/v1/products/shop/predictions/b").json["prediction"]
    shown = page.see("document.querySelector('#row .big').textContent")
    assert all(f"{row[f'sales_{name}']:.3g}" in shown for name in ("mean", "q05", "q95"))
    assert page.see("document.querySelectorAll('#row .dot').length") == 51  # 50, and one of the legend
    says = page.see("[...document.querySelectorAll('#row .chart')].map((it) => it.getAttribute('aria-label'))")
    (part,) = site.get("/v1/products/shop/predictions/b/contributions").json["contributions"]
    assert f"shop {part['parts'][1]['mean']:.3g}".replace("-", "−") in says[1]
    assert "happened 22.5" in says[2]
    assert page.see("document.querySelectorAll('#row .chart .outcome').length") == 1
    cards = page.see("document.querySelector('.cards').innerText")
    for text in ("in force", "pass", "R-hat up to 1.002", "stable", "50 %", "83 %", "of 6 outcomes"):
        assert text in cards.replace("\u00a0", " ")
    line = page.see("[...document.querySelectorAll('ol.line li')].map((it) => it.firstChild.textContent)")
    assert line == ["snapshot", "clean", "features", "plan", "posterior", "product", "version"]


@without
def test_feedback_makes_the_round(site: Server, chromium: Browser) -> None:
    page = Page(chromium, PHONE)
    page.open(f"{site.url}/#/shop/e", SHOWN)
    page.see("document.querySelector('#row input[value=\"too low\"]').focus()")
    page.press(" ", "Tab")
    page.type("31.5")
    page.press("Tab")
    page.type("closed <b>on</b> Sunday")
    page.press("Tab", "Enter")
    said = page.until("document.querySelector('.said').innerText")
    assert "too low: it should be 31.5: closed <b>on</b> Sunday" in said  # as text
    assert "kept" in page.see("document.querySelector('form + .note').textContent")
    stored = site.get("/v1/products/shop/feedback").json
    assert stored["versions"] == [{"version": 2, "count": 1}]
    assert [[item[name] for name in ("key", "rating", "value", "comment")] for item in stored["newest"]] == [
        [["e"], "too low", 31.5, "closed <b>on</b> Sunday"]
    ]
    assert page.complaints() == []


@without
def test_what_happened_is_reported_from_the_page(chromium: Browser, tmp_path: Path, clean: pd.DataFrame) -> None:
    """Shares in percent, as the page shows them."""
    store = open_store(f"file://{tmp_path}/store")
    register(store, clean, NOW, Stalls())
    aliases.move(store, "stalls", "champion", 1, "tests", "first")
    with server(tmp_path, store.url) as running:
        page = Page(chromium, PHONE)
        page.open(f"{running.url}/#/stalls/b", SHOWN)
        page.see("document.querySelector('.outcome summary').click()")
        page.see("document.querySelector('.outcome input[name=busy]').focus()")
        for place, text in enumerate(("62.5", "27", "40")):
            if place:
                page.press("Tab")
            page.type(text)
        page.press("Tab", "Enter")
        assert "next run" in page.until("document.querySelector('.outcome .note').textContent")
        assert running.get("/v1/products/stalls/actuals").json["versions"] == [{"version": 1, "count": 1}]
        assert page.complaints() == []
    (kept,) = (json.loads(store.get(key)) for key in store.list("actuals/stalls/1/"))
    values = {"busy": 0.625, "sales": 27, "customers": 40}
    assert kept["entries"] == [{"key": {"shop": "b"}, "values": values, "comment": ""}]


@without
def test_products_that_must_not_be_used_say_so(site: Server, chromium: Browser) -> None:
    page = Page(chromium, DESK)
    page.open(f"{site.url}/#/gone", "document.querySelector('.banner.bad')")
    assert "withdrawn by ada" in page.see("document.querySelector('.banner.bad').innerText")
    assert page.see("document.getElementById('body').hidden") is True
    page.see("document.getElementById('product').value = 'strict'")
    page.see("document.getElementById('product').dispatchEvent(new Event('change'))")
    page.until("document.querySelector('h1').textContent === 'strict' && document.querySelector('#notice .banner')")
    assert "Expired" in page.see("document.querySelector('#about .banner').innerText")
    assert "not answered afterwards" in page.see("document.getElementById('notice').innerText")
    options = page.see("[...document.getElementById('product').options].map((it) => it.textContent)")
    assert options == ["gone (withdrawn)", "shop", "strict (expired)"]


@without
def test_the_rest_is_shown_where_the_store_does_not_give_everything(
    chromium: Browser, tmp_path: Path, clean: pd.DataFrame
) -> None:
    store = fill(tmp_path, clean)
    folder = versions.at(store, "shop", 2).references["product"].key.rpartition("/")[0]
    store.erase(f"{folder}/latent.parquet")
    with server(tmp_path, store.url) as running:
        page = Page(chromium, DESK)
        page.open(
            f"{running.url}/#/shop/b", f"{HEADING} === 'b' && document.querySelectorAll('#row .chart svg').length"
        )
        row = running.get("/v1/products/shop/predictions/b").json["prediction"]
        assert f"{row['sales_mean']:.3g}" in page.see("document.querySelector('#row .big').textContent")
        assert page.see("document.querySelectorAll('#row .chart').length") == 2  # reasons and history
        notice = page.see("document.getElementById('notice').textContent")
        assert "Some of this is missing" in notice
        assert "latent.parquet" in notice


@without
def test_a_server_without_products_says_what_to_do(chromium: Browser, tmp_path: Path) -> None:
    with server(tmp_path, open_store(f"file://{tmp_path}/store").url) as empty:
        page = Page(chromium, DESK)
        page.open(empty.url, "document.querySelector('h1')")
        assert "posterity run" in page.see("document.querySelector('main').innerText")
        assert page.complaints() == []


@without
def test_a_token_is_asked_for_and_kept_for_the_tab(chromium: Browser, tmp_path: Path, clean: pd.DataFrame) -> None:
    store = fill(tmp_path, clean)
    with server(tmp_path, store.url, tokens="people:read:s3cret") as guarded:
        page = Page(chromium, PHONE)
        page.open(guarded.url, "document.getElementById('token')")
        page.see("document.getElementById('token').focus()")
        page.type("s3cret")
        page.press("Enter")
        page.until(f"{HEADING} === 'f' && {SHOWN}")
        page.open(f"{guarded.url}/#/shop/a", f"{HEADING} === 'a'")
