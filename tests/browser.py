"""A headless Chromium, driven through its own protocol over two pipes: JSON messages, each ended by a zero byte."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from contextlib import contextmanager

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def found():
    """The path of a Chromium on this computer, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def needed():
    """Skip a test where there is no browser; in CI it fails."""
    if found() is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no chromium on this computer; hint: apt-get install chromium")


class Browser:
    """One page of a browser; `problems` holds what its console and its scripts complained of."""

    def __init__(self, folder):
        read_there, self.to = os.pipe()
        self.of, write_there = os.pipe()
        options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ]

        def ends():  # the browser reads from 3 and writes to 4
            for there, number in ((read_there, 13), (write_there, 14)):
                os.dup2(there, number)
            os.dup2(13, 3)
            os.dup2(14, 4)

        self.process = subprocess.Popen(
            [found(), *options, "--remote-debugging-pipe", f"--user-data-dir={folder}", "about:blank"],
            preexec_fn=ends,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_there)
        os.close(write_there)
        self.buffer, self.number, self.session, self.problems, self.events = b"", 0, None, [], []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "DOM"):
            self.send(f"{domain}.enable")

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.of)

    def send(self, method, **params):
        """Call a method of the protocol, and return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.number:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _next(self, seconds=60):
        while b"\0" not in self.buffer:
            if not select.select([self.of], [], [], seconds)[0]:
                raise TimeoutError(f"the browser said nothing for {seconds} s")
            piece = os.read(self.of, 2**20)
            if not piece:
                raise EOFError("the browser has ended")
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(line)
        method, params = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(params["exceptionDetails"])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(params["entry"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.problems.append(params)
        self.events.append(method)
        return message

    def open(self, address, ready="document.readyState === 'complete'"):
        """Go to an address, and wait until an expression of its page is true."""
        self.send("Page.navigate", url=address)
        self.until(ready)

    def run(self, expression):
        """The value of a JavaScript expression, or of what it promises."""
        found = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"].get("exception", found["exceptionDetails"]))
        return found["result"].get("value")

    def until(self, expression, seconds=60):
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"(() => {{ try {{ return !!({expression}); }} catch {{ return false; }} }})()"):
            if time.monotonic() > end:
                raise TimeoutError(f"not true within {seconds} s: {expression}")
            time.sleep(0.02)

    def screen(self, width, height, dark=False, calm=False):
        """Set the screen's size and what its reader prefers."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        wishes = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce" if calm else ""}
        self.send("Emulation.setEmulatedMedia", features=[{"name": name, "value": value} for name, value in wishes.items()])

    def picture(self, path, whole=False):
        """Write a screenshot as a .png."""
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def place(self, selector, across=0.5, down=0.5):
        """Scroll an element into view; where it is on the screen, (x, y)."""
        return self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});"
            f"const b = e.getBoundingClientRect(); return [b.left + {across} * b.width, b.top + {down} * b.height]; }})()"
        )

    def mouse(self, kind, place, pressed=False):
        """A mouse event: mouseMoved, mousePressed or mouseReleased."""
        button = "left" if pressed or kind != "mouseMoved" else "none"
        self.send(
            "Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button=button, buttons=int(pressed), clickCount=1
        )

    def click(self, selector, across=0.5, down=0.5):
        """A click on an element."""
        place = self.place(selector, across, down)
        self.mouse("mouseMoved", place)
        self.mouse("mousePressed", place, True)
        self.mouse("mouseReleased", place)

    def drag(self, selector, start, end, moves=5):
        """A drag on an element between two places in it, each (across, down) from 0 to 1."""
        at = [self.place(selector, *(a + (b - a) * i / moves for a, b in zip(start, end, strict=True))) for i in range(moves + 1)]
        self.mouse("mousePressed", at[0], True)
        for place in at[1:]:
            self.mouse("mouseMoved", place, True)
        self.mouse("mouseReleased", at[-1])

    def key(self, name):
        """Press a key."""
        text = {"text": " "} if name == "Space" else {}
        key = " " if name == "Space" else name
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=name, **(text if kind == "keyDown" else {}))


@contextmanager
def browser(folder):
    """A browser, which is ended after the block; `folder` is for its profile."""
    one = Browser(folder)
    try:
        yield one
    finally:
        one.close()


def main(arguments=None):
    """Write a picture of the page, as the README shows it."""
    import argparse
    import tempfile
    from pathlib import Path

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("page", type=Path, help="explore.html")
    parser.add_argument("picture", type=Path, help="the .png to write")
    parser.add_argument("--state", default="", help="what stands after # in a link, such as step=14")
    parser.add_argument("--part", default="a", help="the part to show, from a to i (a)")
    parser.add_argument("--size", default="1200x640", help="of the screen (1200x640)")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, browser(folder) as one:
        one.screen(*map(int, asked.size.split("x")), calm=True)
        one.open(f"{asked.page.resolve().as_uri()}#{asked.state}")
        one.until("document.querySelector('#bars li')", 300)  # a busy computer walks slowly
        one.run(f"document.getElementById('part-{asked.part}').scrollIntoView()")
        one.picture(asked.picture)


if __name__ == "__main__":
    main()
