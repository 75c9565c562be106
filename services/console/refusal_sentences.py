"""Every sentence in which a service says why something was not taken, with a name for each part that varies.

They are keys of the catalogue; a test fails when a service says one that is not here.
"""

from typing import Final

from services.console.catalogue import N_

SENTENCES: Final = (
    # What events may say
    N_("%(where)s: add %(name)s. %(hint)s"),
    N_("%(where)s: add %(name)s."),
    N_("%(where)s: give %(kinds)s, not %(kind)s"),
    N_("%(where)s: must be one of %(choices)s"),
    N_("%(where)s: must be %(value)s"),
    N_("%(where)s: must not be empty"),
    N_("%(where)s: at most %(count)s characters"),
    N_("%(where)s: at least %(count)s"),
    N_("%(where)s: at most %(count)s"),
    N_("%(where)s: has a name that is not allowed here"),
    N_("%(where)s: not as the contract says. %(hint)s"),
    N_("%(where)s: not as the contract says."),
    N_("%(where)s: leave it out or use %(value)s"),
    N_("the document"),
    N_("an object"),
    N_("a list"),
    N_("a text"),
    N_("a number"),
    N_("a whole number"),
    N_("true or false"),
    N_("What the lead wrote, as plain text."),
    N_("The stage it entered."),
    N_("What the consent is for."),
    N_("Given or withdrawn."),
    N_("Any name the company uses; each name is its own feature."),
    N_('Always "1.0".'),
    N_("Unique within source: source and id together are the deduplication key. No control characters."),
    N_('Who says so. No control characters and no "|": it separates source from id and subject in keys.'),
    N_("The lead's id at the source. No control characters."),
    N_("What happened: one of the types of this contract."),
    N_("When it happened: RFC 3339 with an offset."),
    N_("data.lead: give at least one of email, phone, external_ids in a usable form, or a subject"),
    N_("%(where)s: not a type of this contract; did you mean %(choices)s?"),
    N_("%(where)s: before 1990; is it in seconds or in another unit?"),
    N_("%(where)s: more than a day ahead; check the sender's clock and offset"),
    N_("%(where)s: this sender may only post for %(source)s"),
    N_("%(where)s: this key may not declare history; it needs the scope %(scope)s"),
    N_(
        "%(where)s: another event of this request has it and says something else; give each event"
        " an id of its own"
    ),
    N_("not an RFC 3339 time with an offset: write it as %(example)s"),
    N_("not a possible date and time: check month, day, hour and offset"),
    N_("not valid JSON in UTF-8: %(why)s"),
    N_("nested deeper than %(count)s levels: send flatter data"),
    N_("a number beyond ±%(most)s: send it as text"),
    N_("the character U+0000 cannot be stored: remove it"),
    N_("a body of type %(kind)s is a JSON array of events"),
    N_("the event is larger than %(count)s kB: leave attachments out"),
    # What vendors send
    N_("%(name)s is no date: as %(unit)s since 1970 it lies beyond any calendar"),
    N_("seconds"),
    N_("milliseconds"),
    N_("event %(what)s is not handled"),
    N_("event type %(what)s is not handled"),
    N_("subscription type %(what)s is not handled"),
    N_("topic %(what)s is not handled"),
    N_("model %(what)s is not handled"),
    N_("object %(what)s is not handled"),
    N_("type %(what)s is not handled"),
    N_("%(what)s of %(kind)s is not handled"),
    N_("%(name)s is missing or not an id"),
    N_("%(name)s is missing or not a number"),
    N_("the opportunity names neither originatingleadid nor parentcontactid: add both to a post image"),
    N_("the opportunity has no ContactId: add that field to the outbound message"),
    N_("the conversation has no text"),
    N_("the message has no text"),
    N_("the form has no field named %(names)s"),
    N_("the message has too many parts, or a header that is too long"),
    N_("not a mail message that can be read: %(why)s"),
    N_("no RawEmail: tick the option that includes the raw message"),
    N_("it is linked to no person: there is no lead to tell it of"),
    N_("the SOAP body holds no notifications"),
    N_("not XML without DTD: %(why)s"),
    N_("the body is a JSON object with type, timestamp and data"),
    # A replay
    N_("It says nothing that the contract knows."),
    N_("Only its first %(count)s bytes were kept: replay it with a whole, smaller body."),
    N_(
        "An event with this source and id was already taken with another content, and counts. "
        "Replay this one under a new id if both happened."
    ),
    N_("A service wrote it: replay it as it is."),
    N_("Take the dismissal back first: POST …/reopen."),
    N_("Nothing was changed. Post a new event instead."),
    N_("It was %(status)s already"),
    N_("body_base64 is base64, body is text."),
    N_("At most %(count)s bytes."),
    N_("Leave source out for CloudEvents."),
    # Sources without code
    N_("the sample cannot be read: %(why)s"),
    N_("the sample of a query is a row as JSON: an object, or a list of them"),
    N_("The sample makes no event."),
    N_("Paste a body as the sender posts it, as `sample`."),
    N_("The address says %(one)s, `name` %(other)s."),
    N_("Version %(version)s was saved since. Read it first."),
    N_("Revoke the one that is no longer used, then try again."),
    N_("This sender gives its own: send it as `secret`."),
    N_("%(name)s has no valid secret of this id."),
    N_("There is no source %(name)s; `GET /v1/sources` lists them."),
    N_("This key is for the source %(name)s only."),
    N_("not a field here; did you mean %(name)s?"),
    N_("not a field here: take it out"),
    N_("missing: add it"),
    N_("must be one of %(choices)s"),
    N_("small letters, digits, dots, dashes and underscores only, as intranet-crm"),
    N_("fields of its own belong here, one a line, indented"),
    N_("one text belongs here"),
    N_("not an event type of the contract; did you mean %(choices)s?"),
    N_("write iso, epoch_s, epoch_ms, or a pattern as %(example)s"),
    N_("not a time zone: write it as %(example)s"),
    N_("not a pattern of a date and time: write it as %(example)s"),
    N_("add `path`, where the kind of event stands, and a `table` of what it may be"),
    N_("%(name)s is the connector's own name: choose another for this source"),
    N_("query: one SELECT (or WITH … SELECT), without a semicolon within"),
    N_("query: add `WHERE <cursor> > :since ORDER BY <cursor>`, so that each row is read once"),
    N_("aliases (*name) are not read: write it out"),
    N_("longer than %(count)s characters: take the value in fewer steps"),
    N_("longer than %(count)s characters"),
    N_("not a YAML mapping: begin with `name: …` and `kind: …`"),
    N_("not YAML that can be read: look for odd characters and deep nesting"),
    N_("not YAML: %(why)s"),
    N_("a field's name is a text"),
    N_("%(name)s stands here twice"),
    N_("it copies what it reads too many times: use fewer [a, b] and {a: b}"),
    N_("nested too deeply: take the value in fewer steps"),
    N_("not a JMESPath expression%(where)s; a name with a space goes in quotes"),
    N_(" at character %(at)s"),
    N_("not a JMESPath expression; a name with a space goes in quotes"),
    N_("the expressions read more of this payload than one call may cost"),
    N_("%(where)s: the expression does not fit this payload (%(why)s)"),
    N_("%(where)s: the expression finds no list in this payload"),
    N_("%(where)s: the expression finds no text or whole number"),
    N_("%(where)s: %(what)s is not in the table"),
    N_("%(where)s: no time of the format %(format)s is there"),
    N_("%(where)s: it has no offset; name its zone in the definition"),
    N_("the row has no column %(name)s"),
    N_("not a form in UTF-8 with at most %(count)s fields"),
    N_("more than %(count)s items: send fewer at once"),
    N_("it is empty"),
    N_("it is not text in UTF-8"),
    N_('write it as "user:password"'),
    N_("write it as whsec_ and base64, as the sender shows it"),
    N_("it is the id of the Salesforce organisation, 15 or 18 characters from 00D"),
    N_("Only postgresql://, mysql://, mariadb:// and sqlite:/// are read."),
    N_("Leave out %(names)s: only sslmode and charset may follow the `?`."),
    N_("The address names no host, or several."),
    N_("%(setting)s: an administrator sets which databases may be read."),
    N_("Write it as postgresql://user:password@host/database."),
    N_("The address of the database is missing: give it as the source's secret."),
    # Files
    N_(
        "The row has %(found)s fields, the header has %(wanted)s. Put quotation marks around a "
        "field that holds the delimiter or a line break."
    ),
    N_('"%(name)s" holds no date that can be read: write it as %(example)s.'),
    N_('"%(name)s" is empty: an event needs its date.'),
    N_('"%(name)s" holds no amount that can be read: write it as %(example)s.'),
    N_("The file has a header and no row: there is nothing to import."),
    N_(
        'No row is open: "%(name)s" is never %(values)s. Without it every lead that is still open'
        " would count as lost."
    ),
    N_(
        '"%(name)s" stands on several rows for most leads: it does not name one lead. Give '
        "another column as the key (--key)."
    ),
    N_(
        '%(count)s rows have no date in "%(name)s". A model would learn the outcome from which '
        "dates are missing: fill them, or leave that column out (--created, --closed)."
    ),
    N_("No row is won: %(values)s never occurs. %(listed)s"),
    N_(
        "%(count)s rows have an outcome that is neither won, lost nor open. %(listed)s Say which "
        'are lost (--lost "%(lost)s") or still open (--open "%(open)s").'
    ),
    N_(
        "Besides the leads won there are %(count)s outcomes, and not each need be a loss. "
        '%(listed)s Say which are lost: --lost "%(lost)s".'
    ),
    N_('The values of "%(name)s" are: %(values)s.'),
    N_('There is no column "%(name)s". %(which)s'),
    N_('%(file)s has no column "%(name)s". %(which)s'),
    N_("Did you mean: %(choices)s?"),
    N_("The columns are: %(choices)s."),
    N_('Is "%(name)s" the %(role)s?'),
    N_("There is no sheet %(name)s. The sheets are: %(choices)s."),
    N_("The file is no longer kept here. Bring it in again."),
    N_("Its file is no longer kept. Bring it in again."),
    N_("The worker ended each time it read this file. The logs say why."),
    N_("It is %(status)s half-way: it goes on with the mapping it had, or bring the file in again."),
    N_("It is %(status)s."),
    N_("An import is declared history: it needs the scope %(scope)s."),
    N_("This key may only import for %(source)s."),
    N_("several columns are %(role)s: only one may be"),
    N_("a file of %(kind)s has no %(roles)s"),
    N_("a file of events needs a column that says when: occurred_at"),
    N_("a file of events needs a column that says who: key, email or phone"),
    N_("won, lost and open are for files of leads; in events, name the types"),
    N_("say first which leads were won"),
    N_("%(name)s is not an event type: %(choices)s"),
    N_(
        "%(file)s cannot be read as a workbook (damaged, or protected by a password?). Open it "
        'and save the sheet as "CSV UTF-8".'
    ),
    N_("%(file)s has no sheet with anything in it."),
    N_(
        "%(file)s unpacks to %(count)s bytes, more than is read from a workbook. Save the sheet "
        'as "CSV UTF-8" and import that.'
    ),
    N_(
        "%(file)s is not text in a known encoding (a spreadsheet under another name?). Save it as"
        ' "CSV UTF-8" and try again.'
    ),
    N_('%(file)s has several columns named "%(name)s". Give each column a name of its own.'),
    N_(
        "%(file)s has %(count)s bytes, more than the %(most)s allowed. Split it into several "
        "files, each with the header line."
    ),
    N_("%(file)s is empty: it needs a header line and one line per lead."),
    N_(
        "%(file)s does not look like a CSV file: no comma, semicolon or tab in its first line. "
        "Export it as CSV, or name its delimiter with --delimiter."
    ),
    N_(
        "Line %(line)s of %(file)s has %(found)s fields, the header has %(wanted)s. Put quotation"
        " marks around fields that hold the delimiter or a line break, or export the file again."
    ),
    N_(
        "Line %(line)s of %(file)s cannot be read (%(why)s). Look for a quotation mark that is "
        "never closed, or not doubled inside a field."
    ),
    N_('Is %(example)s in "%(name)s" day first (dmy) or month first (mdy)?'),
    N_('"%(name)s" holds dates with the day first and others with the month first. Which are right?'),
    N_('Are numbers such as %(example)s in "%(name)s" written as %(written)s?'),
    N_("Value error, %(why)s"),
    # Which leads are one
    N_("This pair is %(status)s."),
    N_("Only a dismissed pair can wait again."),
    N_("They are one lead already."),
    N_("One of them was merged a moment ago. Look again."),
    N_("It was merged a moment ago. Look again."),
    N_("Some of these identifiers are not this lead's. Look again."),
    N_("Each of the two needs an identifier that events came by; choose others."),
    N_("There is no such decision."),
    N_("It was undone before."),
    N_("That lead stands by itself already."),
    N_("It changed a moment ago. Look again."),
    N_("What came by its identifiers was split off since; undo that first."),
    # All services
    N_("This needs the scope %(scope)s."),
    N_("It holds U+0000 or half of a character, or is a number too large. Nothing was taken."),
    N_("It is nested too deep."),
    N_("Some fields are not right"),
    N_(
        "%(name)s unpacks to more than %(most)s bytes, too much to read from a workbook. "
        'Save the sheet as "CSV UTF-8" and import that.'
    ),
    N_("An event with this source and id was already taken with another content; the first counts."),
    # Which model serves
    N_("It is the current model already."),
    N_("The model's file is damaged. Publish another, or train again."),
    # What a house decides of its leads
    N_("not a field of a lead: use attribute.<name>, activity.<name>.count, or one of %(choices)s"),
    N_("not an operator: use one of %(choices)s"),
    N_("%(op)s takes %(what)s: change value"),
    N_("one value"),
    N_("a list of values"),
    N_("no value"),
    N_("A must be at least B, and B at least C: a better grade needs a higher probability"),
    N_("A must be at most B, and B at most C: each counts the leads of better grades too"),
    N_("grades by %(by)s need all: how many leads are A, B and C"),
    N_("segments need segment_by: the field whose values they are"),
    N_("segment_by must be something that does not follow from the score or the work"),
    N_("nested deeper than %(count)s levels: join fewer conditions, or make two rules"),
    N_("cap and lift need a grade, exclude takes none"),
    N_("status and draft_status are for next actions: rules look at scored, open leads"),
    N_("give hours or days"),
    N_("no public holidays are known of it: write FR, or FR-GES for a part of it"),
    N_("give local times without an offset: 09:00"),
    N_("each span must end after it begins, and before the next one"),
    N_("week needs a day on which someone works"),
    N_("not a condition: give field, op and value, or all, any or not"),
    N_("Field required"),
    N_("Extra inputs are not permitted"),
    N_("Input should be a valid number, unable to parse string as a number"),
    N_("Input should be a valid number"),
    N_("Input should be a valid integer, unable to parse string as an integer"),
    N_("Input should be a valid integer, got a number with a fractional part"),
    N_("Input should be less than or equal to %(most)s"),
    N_("Input should be greater than or equal to %(least)s"),
    N_("Input should be greater than %(least)s"),
    N_("Input should be a valid list"),
    N_("Input should be a valid date or datetime, %(detail)s"),
    N_("Input should be in a valid time format, %(detail)s"),
    N_("String should have at least 1 character"),
    N_("Value should have at least 1 item after validation, not 0"),
    N_("Value should have at most %(most)s items after validation, not %(count)s"),
    N_("String should have at most %(count)s characters"),
    N_("not a time zone: write it as Europe/Paris"),
    N_("It is in force already."),
    N_("%(who)s published version %(number)s meanwhile. Look at what it changed, then publish yours again."),
    N_("status and draft_status change with the work: only scores and fields can be tried"),
    N_("No open lead has an amount. Order by probability, or send the amounts of leads with their events."),
    N_("No lead is scored yet that its cuts can follow from. Give least probabilities, or train a model."),
    N_("It does not wait: it was published or called off."),
    N_("last_day must be first_day or later, within 400 days"),
    N_("someone else must stand in, or nobody"),
    # Documents and replies of the house
    N_("%(name)s: this kind of file is not read. Those that are: %(choices)s."),
    N_("%(name)s is larger than %(most)s bytes. Split it, or save it as text."),
    N_(
        "No text was found in %(name)s. If it is a scan, have its text recognised first; "
        "else copy the text into a .txt or .md file."
    ),
    N_('%(name)s is not a text. Save it as "UTF-8" and try again.'),
    N_(
        "%(name)s cannot be read as a Word document (damaged, or protected by a password?). "
        "Open it and save it as .docx without a password."
    ),
    N_("%(name)s unpacks to more than %(most)s bytes. Split it."),
    N_("%(name)s is protected by a password. Save it without one."),
    N_("%(name)s has more than %(most)s pages. Split it."),
    N_("%(name)s cannot be read as a PDF: it is damaged. Save it again."),
    N_("%(name)s comes to %(count)s passages, more than %(most)s. Split it by subject."),
    N_(
        "%(name)s needs a column called question and one called answer (réponse). "
        "Its columns are: %(choices)s."
    ),
    N_("%(name)s cannot be read as a table: %(why)s. Export it again."),
    N_("%(name)s has no row with a question and an answer."),
    N_("Line %(line)s of %(name)s: the answer is longer than %(most)s characters."),
    N_("Line %(line)s of %(name)s: %(why)s"),
    N_("is over: a document that is no longer valid would never be quoted"),
    N_("a template has slots such as {{ lead.name }} only, no loops, conditions or comments"),
    N_("line %(line)s: a slot is not complete; write it as {{ lead.name }}"),
    N_("line %(line)s: unknown slot; choose among %(choices)s"),
    # How replies sound
    N_("one line only, without control characters"),
    N_("no square brackets: they mark what a person still has to fill in"),
    N_("plain words only here: no {{ }}, no square brackets"),
    N_("give a web address that begins with https://, without spaces"),
    N_("%(name)s is a field that every card has: choose another name"),
    N_("a choice has values, and nothing else has"),
    N_("give the words that announce it in a message"),
    N_("signature: give at least one line"),
    N_("questions: no field of the card is called %(name)s"),
    N_("a text uses %(slot)s, which is not filled in"),
    N_("%(where)s: %(name)s stands there twice"),
    N_("String should have at most %(count)s characters"),
    N_("String should have at least %(count)s characters"),
    N_("String should have at least 1 character"),
    # Of parts, after all that may hold the word
    N_("%(one)s or %(other)s"),
)
