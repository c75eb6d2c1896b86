#!/usr/bin/env python3
"""Runs the shell blocks of README.md and of docs/*.md as a newcomer types them.

    scripts/docs.py target/debug/colloquy

Each file's blocks are run in order, in one shell, against a new server with the demo assistant. Its
address, its initial password and its directories stand in for those that the text names. A block
that is not run says why not, in a comment on the line above it:

    <!-- not run: reason -->

A block whose answer is a problem is broken. A block of JSON or plain text that follows one that was run is compared with what that one printed
last: the members of JSON and their types, "..." standing for anything; of an event stream the events.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: (\S.*) -->\n\Z")
BLOCK_TIME = 120
NEXT = "\x1e"


class Broken(Exception):
    """A block does not do what the text says."""


def blocks(path):
    """The fenced blocks of a file: line, language, text, and why it is not run."""
    text = path.read_text()
    for fence in FENCE.finditer(text):
        reason = NOT_RUN.search(text, 0, fence.start())
        line = text.count("\n", 0, fence.start()) + 1
        yield line, fence[1], fence[2], reason and reason[1]


class Server:
    """A new server, and the directories that its users know."""

    def __init__(self, program, folder):
        self.data, self.backup = folder / "data", folder / "backup"
        self.backup.mkdir()
        self.process = subprocess.Popen(
            [program, "serve", "--listen", "127.0.0.1:0", "--demo"],
            env={"COLLOQUY_DATA_DIR": str(self.data), "COLLOQUY_LOG": "warn"},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.origin = self.told(r"serves (http://\S+)")
        self.password = self.told(r"initial password: +(\S+)")

    def told(self, pattern):
        for line in self.process.stdout:
            if found := re.search(pattern, line):
                return found[1]
        raise Broken(f"the server does not say {pattern!r}")

    def in_place(self, text):
        """The text with this server in the place of the one that it tells of."""
        return (
            text.replace("http://127.0.0.1:8080", self.origin)
            .replace("the initial password", self.password)
            .replace("/var/lib/colloquy", str(self.data))
            .replace("/backup", str(self.backup))
        )

    def stop(self):
        self.process.terminate()
        self.process.wait()


def run(server, texts):
    """What each of the blocks prints, run in one shell."""
    script = "set -euo pipefail\n" + "".join(f"printf '{NEXT}'\n{text}\n" for text in texts)
    done = subprocess.run(
        ["bash", "-c", server.in_place(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=BLOCK_TIME,
        check=False,
    )
    outputs = done.stdout.split(NEXT)[1:]
    for number, output in enumerate(outputs, 1):
        if "about:blank" in output:
            raise Broken(f"block {number} is answered with a problem\n{output}")
    if done.returncode != 0:
        raise Broken(f"block {len(outputs)}: exit code {done.returncode}\n{outputs[-1]}{done.stderr}")
    return outputs


def last_json(text):
    """The JSON value at the end of the text."""
    starts = [match.start() for match in re.finditer(r"^[{\[]", text, re.MULTILINE)]
    for start in starts:
        try:
            return json.loads(text[start:])
        except ValueError:
            pass
    raise Broken(f"no JSON in {text!r}")


def without_dots(text):
    """JSON from which something was left out."""
    text = re.sub(r",?\s*\.\.\.(?=\s*[\]}])", "", text)
    return json.loads(re.sub(r"\.\.\.,", "", text))


def compare(expected, actual, where="it"):
    """Whether all that is expected is there, and of its type."""
    if type(expected) is not type(actual):
        raise Broken(f"{where} is {actual!r}, and no {type(expected).__name__}")
    if isinstance(expected, dict):
        for name, value in expected.items():
            if name not in actual:
                raise Broken(f"{where} has no {name}: {actual!r}")
            compare(value, actual[name], f"{where}.{name}")
    if isinstance(expected, list):
        for number, value in enumerate(expected):
            if number >= len(actual):
                raise Broken(f"{where} has only {len(actual)} items")
            compare(value, actual[number], f"{where}[{number}]")


def events(text):
    return re.findall(r"^event: (\S+)$", text, re.MULTILINE)


def check_output(language, expected, actual):
    if language == "json":
        compare(without_dots(expected), last_json(actual))
    elif missing := [event for event in events(expected) if event not in events(actual)]:
        raise Broken(f"no event {missing} in {actual!r}")


def check_file(program, path):
    shell, outputs, skipped = [], [], 0
    follows = False  # whether a block that is run comes right before
    for line, language, text, reason in blocks(path):
        if language == "sh":
            follows = reason is None
            skipped += not follows
            if follows:
                shell.append((line, text))
        else:
            if follows and reason is None and language in ("json", ""):
                outputs.append((len(shell) - 1, line, language, text))
            follows = False
    if shell:
        with tempfile.TemporaryDirectory() as folder:
            server = Server(program, pathlib.Path(folder))
            try:
                printed = run(server, [text for _, text in shell])
            finally:
                server.stop()
        for index, line, language, text in outputs:
            try:
                check_output(language, text, printed[index])
            except Broken as broken:
                raise Broken(f"line {line}: {broken}") from None
    print(f"{path.relative_to(ROOT)}: {len(shell)} run, {len(outputs)} compared, {skipped} not run")


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    failed = False
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        try:
            check_file(program, path)
        except (Broken, subprocess.TimeoutExpired, ValueError) as broken:
            print(f"{path.relative_to(ROOT)}: {broken}", file=sys.stderr)
            failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
