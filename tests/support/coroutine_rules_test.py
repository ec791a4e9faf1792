#!/usr/bin/python3
"""The forms that tests/support/coroutine_rules.py must find, and those that it must leave alone."""
import unittest

import coroutine_rules

GOOD = [
    ("a whole statement", "co_await run();"),
    ("an initialiser", "const bool sent = co_await transport.write(bytes);"),
    ("a structured binding", "auto [error, size] = co_await socket.async_read_some(buffer, no_throw);"),
    ("an initialiser of a template type", "std::unique_ptr<Connection> c = co_await relay_.connect(why);"),
    ("an assignment behind a condition", "if (attempt == 0) connection_ = co_await relay_.take_kept();"),
    ("an assignment behind else", "if (a) b(); else c = co_await d();"),
    ("a returned one", "co_return co_await f(a, b[0]);"),
    ("behind a label", "case 1: co_await f();"),
    ("a call in the operand", "co_await f(g(x), h->y());"),
    ("in a comment", "// if (co_await f())\n/* f(co_await g()) */ int x;"),
    ("in a text", 'log("if (co_await f())");'),
    ("a character before it", "char c = '\"'; co_await f();"),
    ("a separator in a number", "int n = 1'000'000; co_await f();"),
]
BAD = [
    ("an if", "if (co_await f()) g();"),
    ("an if with an initialiser", "if (auto x = co_await f(); x) g();"),
    ("a while", "while (co_await f()) g();"),
    ("a switch", "switch (co_await f()) {}"),
    ("a range", "for (auto x : co_await f()) g();"),
    ("an argument", "g(co_await f());"),
    ("a lambda in the operand", "co_await f([s] { return s; });"),
    ("a lambda that is called", "co_await [s]() -> awaitable<void> { co_return; }();"),
    ("an aggregate in the operand", "co_await f(Agg{1, 2});"),
    ("a bare aggregate in the operand", "auto x = co_await f({1, 2});"),
    ("?: before it", "T t = c ? co_await make() : T(1);"),
    ("?: in the operand", "co_await f(c ? a : b);"),
    ("an aggregate of them", "Agg a{co_await x(), co_await y()};"),
    ("an aggregate of one", "Agg a{co_await x()};"),
    ("a sum", "int x = 1 + co_await f();"),
    ("a comparison", "bool x = co_await f() == 1;"),
    ("a conjunction", "bool x = co_await f() && g();"),
    ("a returned choice", "co_return c ? co_await f() : g();"),
]


class CoroutineRules(unittest.TestCase):
    def test_leaves_good_forms_alone(self):
        for reason, source in GOOD:
            with self.subTest(reason):
                self.assertEqual(coroutine_rules.problems("void a() {\n" + source + "\n}\n"), [])

    def test_finds_bad_forms_with_their_line(self):
        for reason, source in BAD:
            with self.subTest(reason):
                lines = {line for line, _ in coroutine_rules.problems("void a() {\n" + source + "\n}\n")}
                self.assertEqual(lines, {2})


if __name__ == "__main__":
    unittest.main()
