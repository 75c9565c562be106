"""What a person wrote, out of HTML and out of what mail programs put around it. Pure, and linear in time."""

import html
import re

_HIDDEN = {"script", "style", "head", "title", "blockquote"}
_BREAKS = {"br", "p", "div", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "hr"}
# What Gmail and Outlook put around the message that is answered: all after it is quoted.
_QUOTE_MARKS = ("gmail_quote", "divrplyfwdmsg", "appendonsend", "yahoo_quoted", "moz-cite-prefix")
_TAG_NAME = re.compile(r"\s*/?\s*([a-zA-Z][a-zA-Z0-9]*)")
_SPACES = re.compile(r"[ \t\r\f\v\xa0]+")
_EMPTY_LINES = re.compile(r"\n\s*\n\s*\n")

# "Le lun. 3 mars 2026 à 09:12, Léa <lea@x.fr> a écrit :", "On … wrote:", "Am … schrieb …:"
_ATTRIBUTION = re.compile(
    r"^(le\b.{4,300}\ba [ée]crit|on\b.{4,300}\bwrote|am\b.{4,300}\bschrieb\b.{0,100})\s*:$", re.IGNORECASE
)
_DIVIDER = re.compile(
    r"^-{2,} ?(original message|message d['’]origine|message transf[ée]r[ée]|forwarded message) ?-{2,}$",
    re.IGNORECASE,
)
_HEADING = re.compile(r"^\*?(from|de|von)\s?:\*?\s", re.IGNORECASE)
_HEADING_NEXT = re.compile(r"^\*?(sent|date|envoy[ée]|gesendet|to|[àa]|an)\s?:", re.IGNORECASE)
_DEVICE = re.compile(
    r"^(sent from my|envoy[ée] de mon|envoy[ée] depuis|envoy[ée] [àa] partir de|get outlook for"
    r"|t[ée]l[ée]charger outlook pour|obtenir outlook|von meinem)\b",
    re.IGNORECASE,
)


def from_html(source: str) -> str:
    """The text of an HTML document, without what it quotes, its style and its scripts."""
    parts: list[str] = []
    hidden, depth, position = "", 0, 0
    while position < len(source):
        start = source.find("<", position)
        end = source.find(">", start) if start >= 0 else -1
        if end < 0:
            start = len(source)
        if not hidden:
            parts.append(html.unescape(source[position:start]).replace("\n", " "))
        if end < 0:
            break
        if source.startswith("<!--", start):
            closed = source.find("-->", start + 4)
            position = len(source) if closed < 0 else closed + 3
            continue
        tag, position = source[start + 1 : end], end + 1
        found = _TAG_NAME.match(tag)
        name = found[1].lower() if found else ""
        if hidden:
            if name == hidden and not tag.endswith("/"):
                depth += -1 if tag.lstrip().startswith("/") else 1
            hidden = hidden if depth > 0 else ""
        elif any(mark in tag[:500].lower() for mark in _QUOTE_MARKS):
            break
        elif name in _HIDDEN and not tag.lstrip().startswith("/"):
            hidden, depth = name, 1
        elif name in _BREAKS:
            parts.append("\n")
    return tidy("".join(parts))


def tidy(text: str) -> str:
    """Single spaces, no more than one empty line in a row, no U+0000."""
    lines = (_SPACES.sub(" ", line).strip() for line in text.replace("\0", "").split("\n"))
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()


def own_words(text: str) -> str:
    """A mail's text without what it quotes and without its signature.

    A message that would be left with nothing, as one that is only forwarded, is given whole.
    """
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    kept: list[str] = []
    index = 0
    while index < len(lines):
        line = lines[index].strip()
        if line in ("--", "—") or _DIVIDER.match(line) or _starts_headings(lines, index):
            break
        if used := _attribution(lines, index):
            index += used
            following = next((later for later in lines[index:] if later.strip()), "")
            if not following.lstrip().startswith(">"):
                break
            continue
        if not line.startswith(">") and not _DEVICE.match(line):
            kept.append(lines[index])
        index += 1
    return tidy("\n".join(kept)) or tidy(text)


def _attribution(lines: list[str], index: int) -> int:
    """How many lines, at most three, announce a quotation here; 0 for none."""
    for used in (1, 2, 3):
        joined = " ".join(line.strip() for line in lines[index : index + used])
        if len(joined) <= 500 and _ATTRIBUTION.match(joined):
            return used
    return 0


def _starts_headings(lines: list[str], index: int) -> bool:
    """Outlook writes the headings of the quoted message: From, Sent, To."""
    if not _HEADING.match(lines[index].strip()):
        return False
    return any(_HEADING_NEXT.match(line.strip()) for line in lines[index + 1 : index + 4])
