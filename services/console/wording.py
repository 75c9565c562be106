"""Chances, dates and states as people say them, in the language of the page."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from math import ceil
from typing import Final

from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal, format_percent
from flask_babel import get_locale, get_timezone

from services.console.answers import Draft, Identity, LeadRow, NamedLead, SourceRow
from services.console.catalogue import gettext, ngettext

MAX_IDENTIFIER: Final = 20
# "1 chance in N" for small chances: people read 1 in 20 more easily than 0.5 in 10.
_ONE_IN: Final = (7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100)


def chances(probability: float) -> str:
    """`probability` in words: tenths from 15 %, one in N below. Never certain."""
    if probability >= 0.95:
        return gettext("more than 9 chances in 10")
    if probability >= 0.15:
        tenths = int(probability * 10 + 0.5)
        return ngettext("about %(num)s chance in 10", "about %(num)s chances in 10", tenths)
    if probability < 0.01:
        return gettext("less than 1 chance in 100")
    nearest = min(_ONE_IN, key=lambda n: abs(1 / n - probability))
    return gettext("about 1 chance in %(count)s", count=nearest)


def percent(probability: float) -> str:
    return str(format_percent(probability, "#,##0.0 %", locale=get_locale()))


def unscored(lead: LeadRow) -> str:
    """Why there is no score. Unscored is not zero."""
    match lead.unscored_reason:
        case "no_model":
            return gettext("Not scored: no model has read this lead yet.")
        case "pending":
            return gettext("Not scored yet: its events are being read.")
        case "objection":
            return gettext("Not scored: this person objected to it.")
        case "closed":
            return gettext("Not scored: this lead is closed.")
        case _:
            return gettext("Not scored yet.")


def strength(contribution: float) -> str:
    """How much a reason weighs, from its log-odds: 0.7 doubles the odds, 0.25 adds about a quarter."""
    weight = abs(contribution)
    if weight >= 0.7:
        return gettext("weighs a lot")
    return gettext("weighs some") if weight >= 0.25 else gettext("weighs little")


def trend(direction: str | None) -> str:
    match direction:
        case "up":
            return gettext("rising")
        case "down":
            return gettext("falling")
        case "flat":
            return gettext("steady")
        case _:
            return ""


def said(moment: datetime, now: datetime | None = None) -> str:
    """The moment as people say it: "yesterday 14:05"; the date alone from a week on."""
    zone: tzinfo = get_timezone() or UTC
    locale = get_locale()
    now = (now or datetime.now(UTC)).astimezone(zone)
    local = moment.astimezone(zone)
    ago = now - local
    if timedelta(0) <= ago < timedelta(minutes=1):
        return gettext("just now")
    if timedelta(0) < ago < timedelta(hours=1):
        return gettext("%(minutes)s min ago", minutes=int(ago.total_seconds() // 60))
    time = format_time(local, "HH:mm", locale=locale)
    days = (now.date() - local.date()).days
    if days == 0:
        return gettext("today %(time)s", time=time)
    if days == 1:
        return gettext("yesterday %(time)s", time=time)
    if days == -1:
        return gettext("tomorrow %(time)s", time=time)
    if 1 < days < 7:
        return f"{format_date(local, 'EEEE', locale=locale)} {time}"
    if local.year == now.year:
        return format_date(local, "d MMMM", locale=locale)
    return format_date(local, "d MMM y", locale=locale)


def clock(moment: datetime) -> str:
    """The time of day, to the second."""
    local = moment.astimezone(get_timezone() or UTC)
    return format_time(local, "HH:mm:ss", locale=get_locale())


def seconds_left(until: datetime) -> int:
    return max(0, ceil((until - datetime.now(UTC)).total_seconds()))


def day(on: date) -> str:
    return format_date(on, "d MMM y", locale=get_locale())


def planned(moment: datetime) -> str:
    """A moment to come, with its time however far it is."""
    zone: tzinfo = get_timezone() or UTC
    local = moment.astimezone(zone)
    locale = get_locale()
    return gettext(
        "on %(day)s at %(time)s",
        day=format_date(local, "EEEE d MMMM y", locale=locale),
        time=format_time(local, "HH:mm", locale=locale),
    )


def iso_day(on: str) -> str:
    """A day that a service gives as 2026-03-14."""
    return day(date.fromisoformat(on))


def in_full(moment: datetime) -> str:
    zone: tzinfo = get_timezone() or UTC
    return format_datetime(moment.astimezone(zone), "full", locale=get_locale())


def lead_title(lead: NamedLead) -> str:
    """What the lead is called: the strongest thing known, else a number that the list and its page share."""
    return lead.name or lead.company or lead.email or gettext("Lead %(number)s", number=lead.lead_id[:8])


def source_name(source: str) -> str:
    """Where a lead comes from; a source that is not one of ours is shown as it calls itself."""
    kind, _, name = source.partition(":")
    match kind:
        case "import" if name:
            return gettext("file %(name)s", name=name)
        case "demo":
            return gettext("demonstration")
        case "hubspot":
            return "HubSpot"
        case "standard":
            return gettext("webhook")
        case _:
            return source


def field_label(name: str) -> str:
    """A field of a lead; the company's own go by their own names."""
    match name:
        case "name":
            return gettext("Name")
        case "company":
            return gettext("Company")
        case "email":
            return gettext("E-mail")
        case "phone":
            return gettext("Phone")
        case "owner":
            return gettext("Followed by")
        case "source":
            return gettext("Source")
        case "stage":
            return gettext("Stage")
        case "amount":
            return gettext("Amount")
        case "language":
            return gettext("Language")
        case _:
            return name.removeprefix("attribute.")


def identity_kind(identity: Identity) -> str:
    """What kind of name it is, and whose."""
    match identity.kind:
        case "subject":
            return gettext("record of %(source)s", source=source_name(identity.source))
        case "email":
            return gettext("e-mail address")
        case "phone":
            return gettext("phone number")
        case _ if identity.source.endswith("anonymous"):
            return gettext("browser")
        case _:
            return gettext("id in %(source)s", source=source_name(identity.source))


def shortened(identifier: str) -> str:
    """An identifier as people can still read it out: a hash only by its beginning."""
    return identifier if len(identifier) <= MAX_IDENTIFIER else f"{identifier[:MAX_IDENTIFIER]}…"


def headline(counts: dict[str, int], first: LeadRow | None, *, scored: bool) -> str:
    """The answer to "whom now?" in one sentence."""
    best, everyone = counts.get("A", 0), counts.get("open", 0)
    if first is None:
        return gettext("Nobody is waiting for you.")
    if not scored:
        return ngettext(
            "%(num)s person waiting to be scored", "%(num)s people waiting to be scored", everyone
        )
    if best and first.grade == "A":
        return ngettext(
            "%(num)s person to call today: %(name)s",
            "%(num)s people to call today, starting with %(name)s",
            best,
            name=lead_title(first),
        )
    return ngettext(
        "%(num)s open lead, none with grade A: start with %(name)s",
        "%(num)s open leads, none with grade A: start with %(name)s",
        everyone,
        name=lead_title(first),
    )


def lead_status(lead: LeadRow) -> str:
    """How the lead ended; nothing while it is open."""
    match lead.status:
        case "won":
            return gettext("Won")
        case "lost":
            return gettext("Lost")
        case _:
            return ""


def likely(confidence: float | None) -> str:
    """How likely a text is the right answer."""
    if confidence is None:
        return ""
    if confidence >= 0.5:
        return gettext("likely")
    return gettext("perhaps") if confidence >= 0.2 else gettext("hardly")


def kept_words(draft: Draft) -> str:
    """What became of a text that was to be kept as a reply of the house; nothing where none was written."""
    if draft.kept:
        return gettext("What you wrote is kept as a reply of the house: “%(title)s”.", title=draft.kept)
    match draft.not_kept:
        case None | "unchanged" | "not_wanted":
            return ""
        case "numbers":
            why = gettext("it holds a number")
        case "link":
            why = gettext("it holds an address or a link")
        case "gap":
            why = gettext("it holds brackets")
        case "short":
            why = gettext("it is too short to answer others")
        case "title":
            why = gettext("its title points at this person")
        case _:
            why = gettext("a name in it could point at this person")
    return gettext("What you wrote is not kept as a reply of the house: %(why)s.", why=why)


def draft_lead(draft: Draft) -> str:
    """Whom a draft answers."""
    return draft.lead.name or draft.lead.company or ", ".join(draft.recipients) or gettext("someone")


def draft_status(status: str) -> str:
    match status:
        case "waiting":
            return gettext("Draft ready")
        case "no_source":
            return gettext("Reply to write")
        case "stale":
            return gettext("They wrote again")
        case "approved":
            return gettext("Reply approved")
        case "sent":
            return gettext("Reply sent")
        case "failed":
            return gettext("Reply not sent")
        case "rejected":
            return gettext("Draft rejected")
        case _:
            return ""


def source_kind(kind: str) -> str:
    match kind:
        case "template":
            return gettext("From a template of the house")
        case "reply":
            return gettext("From a reply approved earlier")
        case "lead":
            return gettext("From what is known about the lead")
        case "document":
            return gettext("From a document of the house")
        case _:
            return gettext("House wording")


def passage_kind(kind: str) -> str:
    return {
        "template": gettext("template"),
        "reply": gettext("approved reply"),
        "document": gettext("single text"),
    }.get(kind, kind)


def card_field(field: str) -> str:
    """A field of the qualification card, as a rep calls it; one that the company defined, as it is."""
    match field:
        case "product":
            return gettext("Product or reference")
        case "quantity":
            return gettext("Quantity")
        case "deadline":
            return gettext("Date wanted")
        case "budget":
            return gettext("Budget")
        case "place":
            return gettext("Place")
        case "role":
            return gettext("Role")
        case "company":
            return gettext("Company")
        case "siren":
            return "SIREN"
        case _:
            return field


def not_said(draft: Draft) -> str:
    """The fields of the card that the message says nothing of, as they stand in a sentence."""
    silent = [field for field, values in draft.card.items() if not values and field != "need"]
    labels = [draft.card_labels.get(field) or card_field(field) for field in silent]
    return ", ".join(label if label.isupper() else label[:1].lower() + label[1:] for label in labels)


def service_name(service: str) -> str:
    match service:
        case "scoring":
            return gettext("The scoring service")
        case "responder":
            return gettext("The service that drafts replies")
        case "ingest":
            return gettext("The service that takes events in")
        case _:
            return gettext("A service")


def still_works(service: str) -> str:
    """What a person can do meanwhile."""
    match service:
        case "ingest":
            return gettext("The queue, the leads and the drafts work.")
        case "scoring":
            return gettext("Sources, deliveries and imports work.")
        case "responder":
            return gettext("The queue, the leads and the data pages work.")
        case _:
            return gettext("The other pages work.")


def who(name: str) -> str:
    """A person or an API key, as the services name them; the first person's name is ours."""
    if name == "Administrator":
        return gettext("Administrator")
    if name == "training":
        return gettext("the training")
    kind, _, key = name.partition(":")
    return gettext("key %(name)s", name=key) if kind == "key" else name


def sentence(words: str) -> str:
    """`words` as the beginning of a sentence; the rest keeps its capitals."""
    return words[:1].upper() + words[1:]


def per_hundred(share: float) -> str:
    return format_decimal(100 * share, "0", locale=get_locale())


def share(part: float) -> str:
    """A share as a whole percentage; one that is not all is never rounded up to it."""
    whole = int(100 * part) if part < 1 else 100
    return str(format_percent(whole / 100, "#,##0 %", locale=get_locale()))


def whole(number: float) -> str:
    return format_decimal(int(number), locale=get_locale())


def duration(hours: int) -> str:
    if hours < 48:
        return ngettext("%(num)s hour", "%(num)s hours", hours)
    return ngettext("%(num)s day", "%(num)s days", round(hours / 24))


def span(hours: float) -> str:
    """A time of any length, as exactly as people say it: "35 min", "2 h 05", "3 days"."""
    minutes = round(60 * abs(hours))
    sign = "-" if hours < 0 and minutes else ""
    if minutes < 60:
        return sign + gettext("%(minutes)s min", minutes=minutes)
    if minutes < 48 * 60:
        return sign + gettext("%(hours)s h %(minutes)s", hours=minutes // 60, minutes=f"{minutes % 60:02}")
    return sign + ngettext("%(num)s day", "%(num)s days", round(minutes / 60 / 24))


def times(ratio: float) -> str:
    return format_decimal(ratio, "0.#", locale=get_locale())


def points(share: float) -> str:
    return format_decimal(100 * share, "0.#", locale=get_locale())


@dataclass(frozen=True, slots=True)
class SourceState:
    """How a source is doing: a word or two, what more there is to say, and the tone of its tag."""

    words: str
    detail: str = ""
    tone: str = ""


def source_state(row: SourceRow) -> SourceState:
    if row.secrets_unreadable:
        return SourceState(
            gettext("cannot be verified"),
            gettext("TOKEN_SECRET changed since its secrets were kept: make new ones."),
            "warn",
        )
    if row.pull and row.pull.error:
        return SourceState(gettext("the last run failed"), row.pull.error, "warn")
    if row.in_use and not row.secrets_valid:
        return SourceState(gettext("no secret yet"), gettext("Until then nothing is taken."), "warn")
    if not row.in_use:
        return SourceState(gettext("not connected"))
    if row.refused:
        many = ngettext(
            "%(num)s delivery was not understood.", "%(num)s deliveries were not understood.", row.refused
        )
        return SourceState(gettext("partly understood"), many, "warn")
    if row.last_at is None:
        return SourceState(gettext("waiting"), gettext("Nothing came yet, or not for a week."))
    return SourceState(gettext("working"), tone="accent")


_VENDORS: Final = {
    "calendly": "Calendly",
    "dynamics": "Dynamics 365",
    "hubspot": "HubSpot",
    "intercom": "Intercom",
    "odoo": "Odoo",
    "pipedrive": "Pipedrive",
    "salesforce": "Salesforce",
    "segment": "Segment",
    "standard": "Standard Webhooks",
    "typeform": "Typeform",
}


def vendor_name(connector: str) -> str:
    """A connector as its vendor writes itself."""
    return gettext("Mail") if connector == "mail" else _VENDORS.get(connector, connector)


def source_kind_name(row: SourceRow) -> str:
    match row.kind:
        case "connector":
            return gettext("connector for %(vendor)s", vendor=vendor_name(row.connector or row.name))
        case "sql":
            return gettext("query on a database")
        case "webhook":
            return gettext("defined by you")
        case _:
            return gettext("saved by another release")
