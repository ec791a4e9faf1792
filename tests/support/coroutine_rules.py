#!/usr/bin/python3
"""Looks for the coroutine forms that g++ 12 miscompiles: it frees objects twice and does not warn.

co_await stands only as a whole statement, as the initialiser of a named local or the right side of a plain
assignment, or in `co_return co_await`. Its operand holds no lambda, no braces and no ?:. It never stands in a
condition, in an argument or in braces.

    coroutine_rules.py [FILE...]     without files: gateway/*.cpp and *.h of this repository
"""
import pathlib
import re
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

# Comments and literals become blanks, so that lines and columns stay.
QUIET = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(?P<mark>[^()\s\\]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-zA-Z])'(?:\\.|[^'\\\n])+'""",
    re.S)
TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.']*|::|->|&&|\|\||[<>=!+\-*/%&|^]=|\S")
TARGET = re.compile(r"^[\w:<>,&*.\[\]\s\-]+$")  # what may stand before the `=`
OPERATORS = {"&&", "||", "==", "!=", "<=", ">=", "+", "/", "%", "|", "^", "="}


def blanked(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def tokens_of(source):
    """[(text, line)]"""
    text = QUIET.sub(blanked, source)
    tokens, line, at = [], 1, 0
    for match in TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        tokens.append((match.group(0), line))
    return tokens


def opening(tokens, closing):
    """The index of the parenthesis that tokens[closing] closes."""
    depth = 0
    for at in range(closing, -1, -1):
        depth += {")": 1, "(": -1}.get(tokens[at][0], 0)
        if depth == 0:
            return at
    return 0


def before(tokens, at):
    """The words of the statement that stand before tokens[at]; None if it stands in parentheses."""
    start = at
    while start > 0:
        text = tokens[start - 1][0]
        if text in (";", "{", "}", "else", "do"):
            break
        if text == "(":
            return None
        if text == ")":
            begin = opening(tokens, start - 1)
            if begin > 0 and tokens[begin - 1][0] in ("if", "while", "for", "switch", "constexpr"):
                break
            start = begin
        else:
            start -= 1
    words = [text for text, _ in tokens[start:at]]
    if words and words[0] in ("case", "default") and ":" in words:
        words = words[words.index(":") + 1:]
    return words


def operand_problem(tokens, at):
    """What is wrong with the operand of the co_await at tokens[at], or None."""
    depth = 0
    for index in range(at + 1, len(tokens)):
        text, previous = tokens[index][0], tokens[index - 1][0]
        if text == ";" and depth == 0:
            return None
        if text == "{":
            return "braces in the operand; name the value first"
        if text == "?":
            return "?: in the operand; name the value first"
        if text == "co_await":
            return "a second co_await in the operand"
        if text == "[" and not (re.match(r"\w", previous) or previous in ")]"):
            return "a lambda in the operand; write a function or name it first"
        if depth == 0 and (text in "},)" or text in OPERATORS):
            return "part of a larger expression; name the result first"
        depth += {"(": 1, ")": -1}.get(text, 0)
    return "no end of the statement"


def problem_at(tokens, at):
    words = before(tokens, at)
    if words is None:
        return "in a condition or an argument; name the result first"
    stands_well = not words or words == ["co_return"]
    if not stands_well and words[-1] == "=":
        stands_well = bool(TARGET.match(" ".join(words[:-1])))
    if not stands_well:
        return "neither a statement nor the initialiser of a named local"
    return operand_problem(tokens, at)


def problems(source):
    """[(line, what is wrong)]"""
    tokens = tokens_of(source)
    found = [(line, problem_at(tokens, at)) for at, (text, line) in enumerate(tokens) if text == "co_await"]
    return [(line, what) for line, what in found if what]


def main(arguments):
    files = [pathlib.Path(name) for name in arguments]
    if not files:
        files = sorted(path for kind in ("*.cpp", "*.h") for path in (REPOSITORY / "gateway").rglob(kind))
    status = 0
    for path in files:
        for line, what in problems(path.read_text(encoding="utf-8")):
            shown = path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path
            print(f"{shown}:{line}: co_await {what}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
