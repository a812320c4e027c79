"""The table of docs/scim.md: where each of the 86 items is tested.

A test that has numbers of items in its name (`item_07_…`, `items_7_12_…`, `items_7_to_15_…`) belongs
to those; others are entered in the table by hand. Without arguments, the script updates the names; with
`--check` it checks that each item has a test and that each test exists.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "scim.md"
ROW = re.compile(r"^\| (\d+) \| (.*) \| (.*?) ?\|$", re.M)
ITEMS = 86


def numbered():
    """Names of tests, by item."""
    found = {item: [] for item in range(1, ITEMS + 1)}
    for path in sorted((ROOT / "tests" / "scim").glob("probe_*.py")):
        for name in re.findall(r"^def (item_\w+)", path.read_text(), re.M):
            found[int(name.split("_")[1])].append(f"probe::{name}")
    for path in sorted((ROOT / "tests" / "it").glob("*.rs")):
        for name, numbers in re.findall(r"fn (items?_((?:\d+_|to_)+)\w+)\(", path.read_text()):
            for item in spread(numbers.strip("_").split("_")):
                found[item].append(f"tests/it/{path.name}::{name}")
    return found


def spread(words):
    items = []
    for word in words:
        if word.isdigit():
            after_to = items and items[-1] == "to"
            items += range(items[-2] + 1, int(word) + 1) if after_to else [int(word)]
        else:
            items.append("to")
    return [item for item in items if item != "to" and 1 <= item <= ITEMS]


def is_there(test):
    where, _, name = test.rpartition("::")
    paths = (ROOT / "tests" / "scim").glob("probe_*.py") if where == "probe" else [ROOT / where]
    definition = re.compile(rf"\b(?:fn|def) {re.escape(name)}\(")
    return any(path.is_file() and definition.search(path.read_text()) for path in paths)


def named(cell):
    return re.findall(r"`([^`]+)`", cell)


def update(page):
    found = numbered()

    def row(match):
        item, what, cell = match.groups()
        by_hand = [test for test in named(cell) if not re.search(r"::items?_\d", test) and is_there(test)]
        tests = ", ".join(f"`{test}`" for test in [*found[int(item)], *by_hand])
        return f"| {item} | {what} | {tests} |"

    return ROW.sub(row, page)


def check(page):
    rows = {int(item): named(cell) for item, _, cell in ROW.findall(page)}
    wrong = [f"item {item} has no test" for item in range(1, ITEMS + 1) if not rows.get(item)]
    pairs = [(item, test) for item, tests in rows.items() for test in tests]
    wrong += [f"{test} (item {item}) does not exist" for item, test in pairs if not is_there(test)]
    for line in wrong:
        print("FAIL", line)
    print(f"{len(rows)} items, {sum(map(len, rows.values()))} tests, {len(wrong)} wrong")
    return len(wrong)


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(1 if check(PAGE.read_text()) else 0)
    PAGE.write_text(update(PAGE.read_text()))
