#!/usr/bin/python3
"""The tables of faults and of failure moments in gateway/README.md: all 31 faults, each test that they name exists, and
the replies of a moment are those that its test expects."""
import re
import unittest

from attack_table_test import ROOT, google_tests, python_tests

MOMENTS = "failure_moments_test.py"


def section(name):
    return (ROOT / "gateway" / "README.md").read_text(encoding="utf-8").split(f"\n## {name}\n")[1].split("\n## ")[0]


def faults():
    found = re.findall(r"(?m)^\| R(\d+) \|(?:[^|]+\|){2} ([^|]+) \|$", section("Faults"))
    return [(int(number), tests.split()) for number, tests in found]


def moments():
    """(replies in the three modes, test) of each row."""
    rows = re.findall(r"(?m)^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| [^|]+ \| `([^`|]+)` \|$", section("Failure moments"))
    return [(tuple(replies), test) for _, *replies, test in rows]


def expected():
    """{test: replies} of the tests of moments that are rows of replies."""
    text = (ROOT / "tests" / "end_to_end" / MOMENTS).read_text(encoding="utf-8")
    found = re.findall(r"def (test_\w+)\(self\):\n +self\.moment\(.*?\}, \((\d+), (\d+), (\d+)\)", text)
    return {name: tuple(replies) for name, *replies in found}


class FaultTables(unittest.TestCase):
    def must_exist(self, test):
        if test not in self.known:
            self.fail(f"there is no {test}")

    def setUp(self):
        self.known = python_tests() | google_tests()

    def test_has_a_row_for_each_fault(self):
        self.assertEqual([number for number, _ in faults()], list(range(1, 32)))

    def test_names_tests_of_faults_that_exist(self):
        for number, tests in faults():
            self.assertTrue(tests, f"R{number} has no test")
            for test in tests:
                self.assertRegex(test, r"^`[^`]+`$")
                self.must_exist(test.strip("`"))

    def test_has_a_row_for_each_moment_with_its_replies(self):
        rows = moments()
        self.assertEqual(len(rows), section("Failure moments").count("\n| ") - 1, "a row that cannot be read")
        for _, test in rows:
            self.must_exist(test if "::" in test else f"{MOMENTS}::{test}")
        ours = {test: replies for replies, test in rows if "::" not in test}
        named = {test.split("::")[1] for test in self.known if test.startswith(MOMENTS + "::")}
        self.assertEqual(set(ours), named)
        self.assertGreater(len(expected()), 15)
        for test, replies in expected().items():
            self.assertEqual(ours[test], replies, test)


if __name__ == "__main__":
    unittest.main()
