"""Fixed operators that break C++ sources, each in one place and in one small way: what run_mutants samples from.

They know the text, not the language: what they make of it may not compile, and then counts for nothing.
"""

import dataclasses
import re

SWAPS = {"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "&&": "||", "||": "&&"}
COMMENT_OR_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|^\s*(?:#|static_assert|template|using)[^\n]*',
                             re.DOTALL | re.MULTILINE)  # fmt: skip
ENUM = re.compile(r"enum class (\w+)[^{;]*\{([^}]*)\}")
# A call or an assignment that is a statement by itself: at the beginning of a line, or behind an if.
PLACE = r"(?:(?<=\n)|(?<=\) ))(?<!\w )\s*"
CALL = re.compile(PLACE + r"((?!(?:return|case|co_return|if|for|while|switch)\b)[\w.:>\-\[\]()*&+]*[\w\]]\([^;{}]*\);|(?:\+\+|--)[\w.\[\]]+;)")
ASSIGNMENT = re.compile(PLACE + r"([\w.:>\-\[\]()*]+ [-+|&]?= [^;{}]*;)")
EARLY_RETURN = re.compile(r"(?<=\n)\s*(if \([^;{}]*\) return\b[^;]*;)")


@dataclasses.dataclass(frozen=True, order=True)
class Mutant:
    file: str
    at: int  # of the first character that changes
    operator: str
    old: str
    new: str

    def line(self, text):
        return text.count("\n", 0, self.at) + 1

    def apply(self, text):
        assert text.startswith(self.old, self.at)
        return text[: self.at] + self.new + text[self.at + len(self.old) :]


def code_of(text):
    """The text with blanks for what is no code, letter by letter."""
    return COMMENT_OR_TEXT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def enums_of(texts):
    """{name: [constant]} of all enums that stand in some texts; those of one name are left out."""
    found, twice = {}, set()
    for text in texts:
        for name, body in ENUM.findall(code_of(text)):
            if name in found:
                twice.add(name)
            found[name] = re.findall(r"\w+", re.sub(r"=[^,]*", "", body))
    return {name: constants for name, constants in found.items() if name not in twice and len(constants) > 1}


def neighbour(constants, name):
    at = constants.index(name)
    return constants[at + 1 if at + 1 < len(constants) else at - 1]


def _replaced(code, pattern, operator, new):
    """new: of a match, what stands there instead of its first group."""
    for found in re.finditer(pattern, code):
        if (text := new(found)) is not None:
            yield operator, found.start(1), found[1], text


def _enum_constants(code, enums):
    def other(found):
        constants = enums.get(found[2], [])
        return f"{found[2]}::{neighbour(constants, found[3])}" if found[3] in constants else None

    return _replaced(code, r"\b((\w+)::(\w+))\b(?!\()", "another constant of the enum", other)


def _statements(code):
    """Multi-line ones too, but no declarations: those have a type, and so a blank, before their name."""
    for pattern, operator in ((CALL, "no call"), (ASSIGNMENT, "no assignment")):
        yield from _replaced(code, pattern, operator, lambda found: ";")


def mutants_of(file, text, enums):
    code = code_of(text)
    found = [
        *_replaced(code, r" (==|!=|<=|>=|<|>|&&|\|\|) ", "another comparison or junction", lambda found: SWAPS[found[1]]),
        *_replaced(code, r"(?<![\w!])(!)(?=[\w(])", "no negation", lambda found: ""),
        *_replaced(code, r"\b(true|false)\b", "the other truth", lambda found: "false" if found[1] == "true" else "true"),
        *_replaced(code, r"(?<![\w.])(\d+)(?![\w.])", "off by one", lambda found: str(int(found[1]) + 1)),
        *_replaced(code, r"\b(else)\b", "no else", lambda found: "if (false)"),
        *_replaced(code, EARLY_RETURN, "no early return", lambda found: ";"),
        *_statements(code),
        *_enum_constants(code, enums),
    ]
    # The code has blanks where the text has words: what changes is taken from the text.
    return [Mutant(file, at, operator, text[at : at + len(old)], new) for operator, at, old, new in found]
