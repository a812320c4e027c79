"""Runs the `sh` blocks of README.md and docs/*.md on a minimal Debian, page by page, in the order of the page.

Each page gets a fresh copy of a minimal Debian 12 with only the packages that docs/getting-started.md says have to be
installed, a new user, a network of its own without a way out, and the program as `cargo install` puts it there. A block
fails when one of its commands fails. Comments before a block change that:

    <!-- docs-test: skip: REASON -->             it is not run; the reason is printed
    <!-- docs-test: exit N -->                   commands may end with N, and the last one has to
    <!-- docs-test: network -->                  it is run with the machine's network
    <!-- docs-test: host-cargo -->               `cargo install`, which is run with the machine's own toolchain
    <!-- docs-test: after PAGE#HEADING -->       first the blocks of that section are run
    <!-- docs-test: output -->                   the `text` block that follows is in the output of the block before;
                                                 `…` stands for anything
    <!-- docs-test: output of: COMMAND -->       the same, of the block that has this line

Usage: tests/docs/run.sh PATH-TO-MUSTER [PAGE...]
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "docs"
START = "docs/getting-started.md"
RELEASE = "bookworm"
USER, HOME = 1000, "home/newcomer"
BLOCK_SECONDS = 300
# What a machine has at first: a way to become root, and certificates.
MACHINE = "sudo,ca-certificates"

DIRECTIVE = re.compile(r"<!-- docs-test: (.*?) -->$")
FENCE = re.compile(r"^(\s*)```(\w*)\s*$")


def fail(sentence):
    sys.exit(f"tests/docs/run.py: {sentence}")


# --- Pages ---------------------------------------------------------------------------------------


class Block:
    def __init__(self, page, line, directives):
        self.page, self.line, self.lines = page, line, []
        self.skip = None
        self.code = 0
        self.network = self.cargo = False
        self.output = None
        for directive in directives:
            word, _, rest = directive.partition(" ")
            if word == "skip:":
                self.skip = rest
            elif word == "exit":
                self.code = int(rest)
            elif word == "network":
                self.network = True
            elif word == "host-cargo":
                self.cargo = True
            else:
                fail(f"{page}:{line}: unknown: docs-test: {directive}")

    @property
    def text(self):
        return "\n".join(self.lines) + "\n"

    def __str__(self):
        return f"{self.page}:{self.line}"


def parse(page):
    """The items of a page in their order: ("heading", level, anchor), ("after", target), ("block", Block)."""
    items, directives, outputs = [], [], {}
    fence = block = expected = None
    of_command = None
    for number, line in enumerate((ROOT / page).read_text(encoding="utf-8").splitlines(), 1):
        found = FENCE.match(line)
        if fence is not None:
            if found and not found[2]:
                if block:
                    items.append(("block", block))
                if expected is not None:
                    text = "\n".join(expected)
                    if of_command:
                        outputs[of_command] = text
                    else:
                        last = next((item[1] for item in reversed(items) if item[0] == "block"), None)
                        if last is None or last.output is not None:
                            fail(f"{page}:{number}: this output belongs to no block")
                        last.output = text
                fence = block = expected = of_command = None
            elif block:
                block.lines.append(line[len(fence) :] if line.startswith(fence) else line)
            elif expected is not None:
                expected.append(line)
        elif found:
            fence = found[1]
            of_output = [word for word in directives if word.startswith("output")]
            if found[2] == "sh":
                block = Block(page, number, directives)
            elif found[2] == "text" and of_output:
                expected = []
                of_command = of_output[0].partition("output of: ")[2] or None
            elif directives:
                fail(f"{page}:{number}: docs-test before a block that is not run")
            directives = []
        elif directive := DIRECTIVE.match(line.strip()):
            word, _, rest = directive[1].partition(" ")
            if word == "after":
                items.append(("after", rest))
            else:
                directives.append(directive[1])
        elif line.startswith("#"):
            level = len(line) - len(line.lstrip("#"))
            kept = re.sub(r"[^\w -]", "", line.lstrip("#").strip().lower())
            items.append(("heading", level, kept.replace(" ", "-")))
    if fence is not None or directives:
        fail(f"{page}: a block that does not end, or a docs-test without a block")
    for command, text in outputs.items():
        owner = [item[1] for item in items if item[0] == "block" and command in item[1].lines]
        if len(owner) != 1 or owner[0].skip or owner[0].output is not None:
            fail(f"{page}: no block, or more than one, runs `{command}`")
        owner[0].output = text
    return items


def section(target):
    page, _, anchor = target.partition("#")
    page = f"docs/{page}"
    blocks, inside = [], None
    for item in parse(page):
        if item[0] == "heading":
            if inside is not None and item[1] <= inside:
                break
            if item[2] == anchor:
                inside = item[1]
        elif item[0] == "block" and inside is not None:
            blocks.append(item[1])
    if not blocks:
        fail(f"there are no blocks in {target}")
    return blocks


# --- Roots ---------------------------------------------------------------------------------------


def call(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode:
        fail(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def mirror():
    if given := os.environ.get("DOCS_MIRROR"):
        return given
    listed = call("apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)")
    for line in listed.splitlines():
        release, component, uri = line.split(" ", 2)
        if (release, component) == (RELEASE, "main"):
            return uri
    fail(f"the apt sources of this machine have no {RELEASE} main; set DOCS_MIRROR to a Debian mirror")


def base():
    """A minimal Debian with a user who may use sudo. It is made once."""
    root = WORK / "base"
    if root.is_dir():
        return root
    making = WORK / "base.part"
    shutil.rmtree(making, ignore_errors=True)
    print(f"making a minimal Debian {RELEASE} in {root}", flush=True)
    call("debootstrap", "--variant=minbase", f"--include={MACHINE}", RELEASE, making, mirror())
    call("chroot", making, "useradd", "--create-home", "--uid", str(USER), "--shell", "/bin/bash", "newcomer")
    (making / "etc/sudoers.d/newcomer").write_text("newcomer ALL=(ALL) NOPASSWD: ALL\n")
    (making / "etc/hosts").write_text(f"127.0.0.1 localhost {os.uname().nodename}\n::1 localhost\n")
    making.rename(root)
    return root


def overlay(name, *lower):
    """A directory with the content of others, whose changes stay apart. Returns it and the place of its changes."""
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("changes", "work", "root"):
        (folder / part).mkdir(parents=True)
    options = f"lowerdir={':'.join(map(str, reversed(lower)))},upperdir={folder}/changes,workdir={folder}/work"
    call("mount", "-t", "overlay", "overlay", "-o", options, folder / "root")
    return folder / "root", folder / "changes"


def command_in(root, network, *program):
    """A command as the new user in processes, and where `network` is false in a network, of its own."""
    lead = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    if not network:
        lead.append("--net")
    enter = 'ip link set lo up; mount -t proc proc "$1/proc"; root=$1; shift; exec chroot --userspec=%d:%d "$root" "$@"'
    environment = [
        "/usr/bin/env",
        "-i",
        f"HOME=/{HOME}",
        "USER=newcomer",
        "LANG=C.UTF-8",
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "DEBIAN_FRONTEND=noninteractive",
    ]
    if network:
        environment += [f"{name}={os.environ[name]}" for name in passed_on()]
    return [*lead, "sh", "-c", enter % (USER, USER), "sh", str(root), *environment, *program]


def passed_on():
    """Variables that say how the machine reaches the network."""
    names = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_INDEX_URL", "PIP_CERT")
    return [name for name in names if name in os.environ]


def with_network(root, block, folder=f"/{HOME}"):
    """Runs a block in a folder, with the machine's network, certificates and names."""
    for file in ("etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt"):
        if (Path("/") / file).exists():
            shutil.copyfile(Path("/") / file, root / file)
    script = f"cd {folder}\nset -e\n{block.text}"
    done = subprocess.run(
        command_in(root, True, "/bin/bash", "-c", script),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=4 * BLOCK_SECONDS,
    )
    return done.returncode, done.stdout


def prepared():
    """The layers on which each page begins: Debian, and what the first block of the start says has to be installed."""
    lower = base()
    block = section("getting-started.md#install")[0]
    if not block.network:
        fail(f"{block} is to install the packages")
    digest = hashlib.sha256(block.text.encode()).hexdigest()[:16]
    layer = WORK / f"packages-{digest}"
    if not layer.is_dir():
        print(f"installing the packages of {block}", flush=True)
        root, changes = overlay("packages.part", lower)
        code, output = with_network(root, block)
        if code:
            fail(f"{block} ended with {code}:\n{output[-4000:]}")
        call("umount", root)
        changes.rename(layer)
    return (lower, layer), block.text


# --- One page ------------------------------------------------------------------------------------


class Session:
    """A shell of the new user, which runs blocks one after the other."""

    def __init__(self, root):
        self.root, self.number = root, 0
        self.folder = root / "tmp"
        self.process = subprocess.Popen(
            command_in(root, False, "/bin/bash", "--noprofile", "--norc"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.say("cd; set -E; set -o pipefail")

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def run(self, block):
        """The exit code of the last command, the commands that failed, and the output."""
        self.number += 1
        script, out, failed, done = (
            self.folder / f".{word}-{self.number}" for word in ("script", "out", "failed", "done")
        )
        script.write_text(block.text, encoding="utf-8")
        name = lambda path: f"/tmp/{path.name}"
        self.say(f"trap 'printf \"%s\\t%s\\n\" \"$?\" \"$BASH_COMMAND\" >>{name(failed)}' ERR")
        self.say(f". {name(script)} </dev/null >{name(out)} 2>&1; echo $? >{name(done)}.part; trap - ERR")
        self.say(f"mv {name(done)}.part {name(done)}")
        until = time.monotonic() + BLOCK_SECONDS
        while not done.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                return None, [], out.read_text(encoding="utf-8", errors="replace") if out.exists() else ""
            time.sleep(0.05)
        lines = failed.read_text(encoding="utf-8", errors="replace").splitlines() if failed.exists() else []
        # A command of several lines is continued in lines without a number.
        found = [line.split("\t", 1) for line in lines if re.match(r"\d+\t", line)]
        return int(done.read_text()), found, out.read_text(encoding="utf-8", errors="replace")

    def folder_now(self):
        """The current directory of the shell."""
        asking = Block("run.py", 0, [])
        asking.lines = ["pwd"]
        _, _, output = self.run(asking)
        return output.strip()

    def end(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


def matches(expected, output):
    lines = [line.rstrip() for line in expected.strip("\n").splitlines()]
    pattern = r"[ \t]*\n".join(".*?".join(map(re.escape, line.split("…"))) for line in lines)
    return re.search(pattern, output, re.DOTALL) is not None


class Page:
    def __init__(self, page, layers, packages, binary):
        self.page, self.packages = page, packages
        self.ran = self.compared = 0
        self.skipped, self.failures = [], []
        self.done = set()
        self.root, _ = overlay("page", *layers)
        target = self.root / HOME / ".cargo" / "bin"
        target.mkdir(parents=True)
        shutil.copy2(binary, target / "muster")
        for folder in (target, target.parent):
            os.chown(folder, USER, USER)
        self.session = Session(self.root)

    def run(self):
        if self.page not in ("README.md", START):
            self.after("getting-started.md#install", counts=False)
        for item in parse(self.page):
            if self.failures:
                break
            if item[0] == "after":
                self.after(item[1], counts=False)
            elif item[0] == "block":
                self.block(item[1])
        self.session.end()
        call("umount", self.root)

    def after(self, target, counts):
        if target not in self.done:
            self.done.add(target)
            for block in section(target):
                self.block(block, counts)

    def block(self, block, counts=True):
        if self.failures:
            return
        if block.skip:
            if counts:
                self.skipped.append(f"{block}: {block.skip}")
            return
        self.ran += counts
        if block.cargo or (block.network and block.text == self.packages):
            # These were run before the first page.
            return
        if block.network:
            code, output = with_network(self.root, block, self.session.folder_now())
            failed = [[str(code), "the block"]] if code else []
        else:
            code, failed, output = self.session.run(block)
        unexpected = [entry for entry in failed if entry[0] != str(block.code)]
        if code != block.code or unexpected:
            ended = "did not end" if code is None else f"ended with {code}, and {block.code} is expected"
            commands = "".join(f"\n  {code}: {command}" for code, command in unexpected)
            commands = commands and f"; commands that failed:{commands}"
            self.failures.append(f"{block} {ended}{commands}\n{indented(output)}")
        elif block.output is not None:
            self.compared += counts
            if not matches(block.output, output):
                shown = f"{indented(block.output)}\nbut the output is\n{indented(output)}"
                self.failures.append(f"{block}: the page shows\n{shown}")


def indented(text):
    return "\n".join(f"    {line}" for line in text[-8000:].splitlines())


# --- All pages -----------------------------------------------------------------------------------


def installed(binary):
    """The program as the installation block of the pages installs it, with the machine's toolchain."""
    wanted = "cargo install --path . --locked"
    for page in ("README.md", START):
        blocks = [item[1] for item in parse(page) if item[0] == "block" and item[1].cargo]
        if [block.lines for block in blocks] != [[wanted]]:
            fail(f"{page} has to have one block `{wanted}`")
    if not shutil.which("cargo"):
        fail("cargo is missing, so that the installation cannot be tried")
    root = WORK / "cargo"
    print(wanted, flush=True)
    call(*wanted.split(), "--force", "--root", root, cwd=ROOT)
    made = root / "bin" / "muster"
    version = call(made, "--version")
    if version != call(binary, "--version"):
        fail(f"cargo install made {version}, and {binary} is another one")
    return made


def main():
    binary = Path(sys.argv[1]).resolve()
    pages = ["README.md", START]
    pages += sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md"))
    pages = list(dict.fromkeys(pages))
    chosen = sys.argv[2:] or pages
    for page in chosen:
        if page not in pages:
            fail(f"there is no page {page}; there are {', '.join(pages)}")
    WORK.mkdir(parents=True, exist_ok=True)
    program = installed(binary)
    layers, packages = prepared()
    ran = compared = 0
    skipped, failures = [], []
    for name in chosen:
        page = Page(name, layers, packages, program)
        page.run()
        ran, compared = ran + page.ran, compared + page.compared
        skipped += page.skipped
        failures += page.failures
        state = "FAIL" if page.failures else "ok"
        print(f"{state:4}  {name}: {page.ran} blocks run, {page.compared} outputs compared", flush=True)
        for failure in page.failures:
            print(failure, flush=True)
    if skipped:
        print(f"\nnot run here ({len(skipped)}):")
        for reason in skipped:
            print(f"  {reason}")
    print(f"\n{ran} blocks run, {compared} outputs compared, {len(skipped)} not run, {len(failures)} failed")
    return 1 if failures or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
