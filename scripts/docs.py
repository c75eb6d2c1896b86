#!/usr/bin/env python3
"""Runs the shell blocks of README.md and docs/*.md.

    scripts/docs.py target/debug/colloquy

Each file's blocks run in order in one shell against a fresh server with the demo assistant, whose
address, initial password and directories replace those in the text. A block that is not run has a
comment with the reason on the line above:

    <!-- not run: reason -->

A block that prints a problem document fails. A JSON or plain-text block after a shell block is
compared with the end of its output: members and types of JSON, where "..." matches anything; event
names of an event stream.
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
    """The fenced blocks of a file: line, language, text, and reason for not running."""
    text = path.read_text()
    for fence in FENCE.finditer(text):
        reason = NOT_RUN.search(text, 0, fence.start())
        line = text.count("\n", 0, fence.start()) + 1
        yield line, fence[1], fence[2], reason and reason[1]


class Server:
    """A fresh server and its directories."""

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
        """Replaces the documented address, password and directories by this server's."""
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
    """Runs the blocks in one shell; returns the output of each."""
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
            raise Broken(f"block {number} printed a problem document\n{output}")
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
    """Parses JSON with omissions."""
    text = re.sub(r",?\s*\.\.\.(?=\s*[\]}])", "", text)
    return json.loads(re.sub(r"\.\.\.,", "", text))


def compare(expected, actual, where="it"):
    """Raises unless everything expected is present with the same type."""
    if type(expected) is not type(actual):
        raise Broken(f"{where} is {actual!r}, not a {type(expected).__name__}")
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
    follows = False  # whether the previous block is run
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
