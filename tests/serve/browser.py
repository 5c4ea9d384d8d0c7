"""Chromium without a window, driven over its DevTools pipe: nothing but Python's own library is needed."""
import base64
import json
import os
import select
import subprocess
import tempfile


class Browser:
    """One page. `asked` holds each address that it asked for, `complaints` what it said on its console or threw."""

    def __init__(self, host):
        self.profile = tempfile.TemporaryDirectory(prefix="ltm-page.", dir="/tmp", ignore_cleanup_errors=True)  # its sockets need a short path
        their_in, our_out = os.pipe()
        our_in, their_out = os.pipe()

        def pipes():  # Chromium reads 3 and writes 4
            a, b = os.dup(their_in), os.dup(their_out)
            os.dup2(a, 3), os.dup2(b, 4)

        # No name resolves but the server's, so what a page asks elsewhere cannot leave this machine.
        self.process = subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking", "--no-first-run",
             "--disable-component-update", "--disable-sync", "--disable-extensions", f"--user-data-dir={self.profile.name}",
             f"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE {host}", "--remote-debugging-pipe"],
            preexec_fn=pipes, close_fds=False, env={**os.environ, "TMPDIR": self.profile.name}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(their_in), os.close(their_out)
        self.out, self.inn = our_out, our_in
        self.number, self.rest, self.session = 0, b"", None
        self.asked, self.complaints, self.loads = [], [], 0
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(domain + ".enable")

    def take(self):
        while b"\0" not in self.rest:
            if not select.select([self.inn], [], [], 60)[0]:
                raise TimeoutError("chromium has said nothing for 60 s")
            more = os.read(self.inn, 1 << 16)
            if not more:
                raise EOFError("chromium has ended")
            self.rest += more
        one, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(one)
        what, how = message.get("method"), message.get("params", {})
        if what == "Network.requestWillBeSent":
            self.asked.append(how["request"]["url"])
        elif what in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
            self.complaints.append(json.dumps(how)[:500])
        elif what == "Page.loadEventFired":
            self.loads += 1
        return message

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            reply = self.take()
            if reply.get("id") == self.number:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']}")
                return reply["result"]

    def open(self, url, referrer=""):
        for at in ("about:blank", url):  # a new fragment alone would not load the page again
            before = self.loads
            self.call("Page.navigate", url=at, referrer=referrer)
            while self.loads == before:
                self.take()

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def run(self, script):
        """The value of an expression; a promise is waited for."""
        reply = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in reply:
            raise RuntimeError(json.dumps(reply["exceptionDetails"])[:500])
        return reply["result"].get("value")

    def until(self, script, seconds=60):
        """Wait until an expression holds."""
        self.run("new Promise((done, failed) => { const late = setTimeout(() => failed(new Error('never: ' + document.getElementById('state').textContent)), "
                 f"{seconds * 1000}); (function look() {{ if ({script}) {{ clearTimeout(late); done(); }} else setTimeout(look, 20); }})(); }})")

    def picture(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.profile.cleanup()
