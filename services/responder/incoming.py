"""What a lead wrote this time: the message without quoted thread and signature, and whether it opts out."""

import re

from services.responder.folding import fold
from services.responder.letter import is_closing

_CUT = re.compile(
    r"^\s*(-{2,}\s*(original message|forwarded message|message (d'origine|original|transfere))\s*-*"
    r"|-- ?|_{8,}|(envoye|sent) (de|depuis|from) (mon|my|ma) .*)\s*$"
)
_WROTE = re.compile(r"^\s*(le\b.{4,300}\ba\s+ecrit|on\b.{4,300}\swrote)\s*:\s*$", re.DOTALL)
_WROTE_LINES = 3
_FROM = re.compile(r"^\s*\*?(de|from)\s*:\s*\S")
_HEADER = re.compile(r"^\s*\*?(envoye|sent|date|a|to|objet|subject)\s*:\s*\S")

# Folded text. Read narrowly it would miss people who want peace; a person sees each of these anyway.
_OPT_OUT = re.compile(
    r"\b(desabonn\w*|desinscri\w*|unsubscribe\w*|opt(ing)?[ -]?out"
    r"|(ne|n') ?(souhaite|veux|desire|voulons|souhaitons)? ?(plus|pas) (me |nous |m'|etre )?"
    r"(recevoir|contacter|ecrire|solliciter|contacte\w*|sollicite\w*|demarche\w*)"
    r"|(cessez|arretez) de (me|nous|m') ?(contacter|ecrire|solliciter|appeler|envoyer)"
    r"|(retire|supprime|enleve|efface)[rz][ -](moi|nous|mon adresse|mes (donnees|coordonnees))"
    r"|(retire|supprime|enleve|efface)[rz] de (votre|vos) (liste|envoi|fichier)s?"
    r"|remove (me|us|my (address|email|e-mail|details|data))|take (me|us) off"
    r"|(stop|do not|don't) (e-?mailing|contact\w*|writ\w+|call\w*|send\w*) ?(me|us)?"
    r"|no longer (wish|want) to (receive|be contacted|hear))\b|^\W*stop\W*$"
)


def own_words(text: str) -> str:
    """The part of a mail that its writer typed: no quoted thread, no signature. May be empty.

    A quote in the middle, with the answer under it, is taken out and the answer kept.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept: list[str] = []
    number = 0
    while number < len(lines):
        line = lines[number]
        folded = fold(line)
        if line.lstrip().startswith(">"):
            number += 1
            continue
        if taken := _introduces_quote(lines, number):
            number += taken
            if _next_is_quoted(lines, number):
                continue
            break
        if _CUT.match(folded) or _is_header_block(lines, number):
            break
        kept.append(line.rstrip())
        if is_closing(line) and any(text.strip() for text in kept[:-1]):
            kept.pop()
            break
        number += 1
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def opts_out(text: str) -> bool:
    """Whether the writer asks not to be written to any more. `text` is without the quoted thread."""
    return bool(_OPT_OUT.search(fold(text)))


def _introduces_quote(lines: list[str], number: int) -> int:
    """How many lines, from this one, make up "Le … a écrit :" (mail programs wrap it); 0 when none."""
    for count in range(1, _WROTE_LINES + 1):
        if _WROTE.match(fold("\n".join(lines[number : number + count]))):
            return count
    return 0


def _next_is_quoted(lines: list[str], number: int) -> bool:
    following = next((line for line in lines[number:] if line.strip()), "")
    return following.lstrip().startswith(">")


def _is_header_block(lines: list[str], number: int) -> bool:
    """Outlook's "De : … Envoyé : … Objet : …" above a quoted mail."""
    if not _FROM.match(fold(lines[number])):
        return False
    return any(_HEADER.match(fold(line)) for line in lines[number + 1 : number + 4])
