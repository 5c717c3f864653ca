"""A real Chromium, driven by its DevTools protocol (https://chromedevtools.github.io/devtools-protocol/)."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--remote-debugging-pipe",
)
PHONE = (390, 844)
SECONDS = 60


class Browser:
    """The protocol: commands, and the events that come in between."""

    def __init__(self, out: int, into: int) -> None:
        self._out, self._in = out, os.fdopen(into, "rb")
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """The result of a command."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        os.write(self._out, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self.events.append(answer)

    def close(self) -> None:
        """Let go of the pipe."""
        os.close(self._out)
        self._in.close()

    def _read(self) -> dict[str, Any]:
        parts = []
        while (byte := self._in.read(1)) != b"\0":
            assert byte, "the browser has ended"
            parts.append(byte)
        return dict(json.loads(b"".join(parts)))


class Page:
    """A tab of its own."""

    def __init__(self, browser: Browser, size: tuple[int, int]) -> None:
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **parameters)

    def open(self, url: str, ready: str) -> None:
        """Go to a page and wait until the expression `ready` holds on it."""
        self.call("Page.navigate", url=url)
        self.until(ready)

    def see(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, expression: str) -> Any:
        """The value of an expression, once it is true."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if found := self.see(f"((it) => it instanceof Node || it)({expression})"):
                return found
            time.sleep(0.05)
        raise AssertionError(f"not so: {expression}\n{self.complaints()}\n{self.see('document.body.innerText')}")

    def type(self, text: str) -> None:
        """Text into what has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, *keys: str) -> None:
        """Keys by their names (https://www.w3.org/TR/uievents-key/)."""
        codes = {"Enter": 13, "Tab": 9, "ArrowDown": 40, "ArrowUp": 38, " ": 32}
        for key in keys:
            about = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": codes[key]}
            text = {"Enter": "\r", " ": " "}.get(key)
            self.call("Input.dispatchKeyEvent", type="keyDown", **about, **({"text": text} if text else {}))
            self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def requests(self) -> list[str]:
        """Addresses that the page has asked for."""
        return [event["params"]["request"]["url"] for event in self._events("Network.requestWillBeSent")]

    def complaints(self) -> list[str]:
        """What the browser has logged: exceptions, refused policies, answers that were errors."""
        logged = [event["params"]["entry"]["text"] for event in self._events("Log.entryAdded")]
        said = [str(event["params"]["args"]) for event in self._events("Runtime.consoleAPICalled")]
        thrown = [str(event["params"]["exceptionDetails"]) for event in self._events("Runtime.exceptionThrown")]
        return logged + said + thrown

    def _events(self, method: str) -> list[dict[str, Any]]:
        mine = (event for event in self.browser.events if event.get("sessionId") == self.session)
        return [event for event in mine if event["method"] == method]


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser that ends with the block."""
    assert CHROMIUM, "no chromium"
    (theirs, out), (into, back) = os.pipe(), os.pipe()
    command = f'exec "$0" "$@" 3<&{theirs} 4>&{back}'
    line = ["bash", "-c", command, CHROMIUM, *FLAGS, f"--user-data-dir={folder}/profile", "about:blank"]
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(line, pass_fds=(theirs, back), stdout=log, stderr=log)
    os.close(theirs)
    os.close(back)
    found = Browser(out, into)
    try:
        yield found
        found.call("Browser.close")
    finally:
        found.close()
        process.kill()
        process.wait(20)
