#!/usr/bin/python3
"""The table of attacks in gateway/README.md has all ninety, and each test that it names exists."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def rows():
    """Number and test names of each row of the table."""
    section = (ROOT / "gateway" / "README.md").read_text(encoding="utf-8").split("\n## Attacks\n")[1].split("\n## ")[0]
    found = re.findall(r"(?m)^\| (\d+) \|(?:[^|]+\|){2} ([^|]+) \|$", section)
    return [(int(number), tests.split()) for number, tests in found]


def python_tests():
    return {f"{path.name}::{name}" for path in (ROOT / "tests" / "end_to_end").rglob("*_test.py")
            for name in re.findall(r"(?m)^    def (test_\w+)\(self", path.read_text(encoding="utf-8"))}


def google_tests():
    return {f"{suite}.{name}" for path in (ROOT / "tests").rglob("*_test.cpp")
            for suite, name in re.findall(r"(?m)^TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)", path.read_text(encoding="utf-8"))}


class AttackTable(unittest.TestCase):
    def test_has_a_row_for_each_attack(self):
        self.assertEqual([number for number, _ in rows()], list(range(1, 91)))

    def test_names_tests_that_exist(self):
        known = python_tests() | google_tests()
        for number, tests in rows():
            self.assertTrue(tests, f"attack {number} has no test")
            for test in tests:
                self.assertRegex(test, r"^`[^`]+`$")
                if test.strip("`") not in known:  # all known ones would fill the screen
                    self.fail(f"attack {number}: there is no {test}")


if __name__ == "__main__":
    unittest.main()
