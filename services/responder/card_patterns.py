"""The words that the qualification card is read by: how French and English requests say a fact."""

# ruff: noqa: E501 - a pattern reads better whole

import re

NUMBER = r"(?<!\d)(?:\d{1,3}(?:[ \u00a0\u202f.]\d{3}){1,3}(?!\d)(?:,\d{1,3})?|\d{1,9}(?:[.,]\d{1,3})?)(?!\d)"
SPELT = (
    r"une? (?:dizaine|douzaine|quinzaine|vingtaine|trentaine|cinquantaine|centaine)|un|une|deux|trois|quatre|cinq"
    r"|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize|vingt|trente|quarante|cinquante|soixante"
    r"|cents?|mille|one|two|three|four|five|six|seven|eight|nine|ten|twelve|a (?:dozen|hundred)"
)
UNIT = (
    r"palettes?|rouleaux?|lots?|bobines?|cartons?|bo[iî]tes?|paires?|jeux|sacs|mètres?|metres?|m[²23]?|ml|km|kg|kilos?"
    r"|g|tonnes?|t|litres?|l|pi[eè]ces?|pcs?|unit[ée]s?|ex|rolls?|pallets?|boxes|meters?|tons?|pieces|units|reels?"
)
MONTH = (
    r"janvier|f[ée]vrier|mars|avril|mai|juin|juillet|ao[uû]t|septembre|octobre|novembre|d[ée]cembre"
    r"|january|february|march|april|may|june|july|august|september|october|november|december"
)
DAY = r"lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|monday|tuesday|wednesday|thursday|friday"
SEASON = r"(?:l')?[ée]t[ée]|(?:l')?hiver|(?:le )?printemps|(?:l')?automne|no[eë]l|la rentr[ée]e"
COUNT = rf"(?:\d{{1,3}}|{SPELT})"
SPAN_UNIT = r"(?:jours?|semaines?|mois|h|heures?|days?|weeks?|months?|quinzaine|huitaine)"

WHEN = (
    rf"(?:(?:le |la |the )?\d{{1,2}}(?:er)?[ /.-](?:{MONTH}|\d{{1,2}})(?:[ /.-]\d{{2,4}})?"
    rf"|\d{{4}}-\d{{2}}-\d{{2}}|(?:le )?\d{{1,2}}(?:er)? du mois(?: prochain)?"
    rf"|(?:le )?(?:{DAY})(?: (?:\d{{1,2}}(?: (?:{MONTH}))?|prochain|matin|soir|midi|next))?"
    rf"|(?:la )?(?:semaine|sem\.?|week) \d{{1,2}}|s\d{{2}}\b|(?:la )?semaine prochaine|cette semaine|next week|this week"
    rf"|(?:la )?fin (?:de |du )?(?:mois|{MONTH}|semaine|d'ann[ée]e|\d{{4}})(?: \d{{4}})?"
    rf"|(?:le )?d[ée]but (?:de |du )?(?:{MONTH})(?: \d{{4}})?|(?:la )?mi-(?:{MONTH})(?: \d{{4}})?"
    rf"|courant (?:{MONTH})|(?:le mois d[e'] ?)?(?:{MONTH})(?: \d{{4}})?"
    rf"|(?:{SEASON})|(?:le |au )?(?:premier|second|1er|2e|3e|4e|deuxi[eè]me|troisi[eè]me) (?:semestre|trimestre)"
    rf"|le \d{{1,2}}(?!\d|[ ]?[€%a-z]))"
)
DEADLINES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # A span of time: sous dix jours, d'ici trois semaines, dans les deux mois.
        rf"\b(?:sous|d'ici|dans|within|in)(?: (?:les|un délai de))? (?:{COUNT} )?{SPAN_UNIT}\b",
        rf"\bd[ée]lai (?:de )?{COUNT} {SPAN_UNIT}\b",
        rf"\bpour dans {COUNT} {SPAN_UNIT}\b",
        # A day, with what leads to it.
        rf"\b(?:au plus tard|avant|d'ici(?: à)?|jusqu'au|before|by|no later than) (?:(?:la|le|l'|the) ?)?{WHEN}",
        rf"\b(?:pour|à livrer|dispo|livraison|livrables?|for|delivered|délai|échéance)(?: souhaitée?)? {WHEN}",
        rf"(?:^|[\s,(])(?:cet {SEASON}|en (?:{MONTH})(?: \d{{4}})?|au (?:premier|second|1er|2e|3e|4e) (?:semestre|trimestre)"
        rf"|demain|aujourd'hui|après-demain|tomorrow|today|(?:le mois|la semaine) prochaine?|{DAY} prochain"
        rf"|fin (?:de )?(?:{MONTH}|mois)(?: \d{{4}})?|début (?:{MONTH})(?: \d{{4}})?|courant (?:{MONTH})|mi-(?:{MONTH}))\b",
        rf"\ble (?:\d{{1,2}}(?:er)?) (?:{MONTH})(?: \d{{4}})?\b",
        r"\b(?:semaine|sem\.?|week|S) ?\d{1,2}\b",
        rf"\bcette semaine\b|\b(?:{DAY}) matin\b",
        r"\b(?:dès que possible|asap|en urgence|urgent\w*|immédiatement|rapidement|au plus vite|as soon as possible)\b",
    )
)
# After "délai :" and the like, whatever is said.
LABELLED_DEADLINE = re.compile(
    r"\b(?:d[ée]lai(?: souhait[ée])?|[ée]ch[ée]ance|date limite|deadline|pour le)\s*(?::| de )\s*([^\n.;,]{2,30})",
    re.IGNORECASE,
)
LEADING = re.compile(
    r"^[\s,(]+|^(?:pour|à livrer|dispo|livraison|livrables?|for|delivered|délai|échéance)(?: souhaitée?)?\s+(?!dans)|^by\s+",
    re.IGNORECASE,
)
PAST = re.compile(
    r"(?:dat[ée]|du|depuis|livr[ée]e?s?|re[çc]ue?s?|pass[ée]e?|achet[ée]e?|of|since)\s+(?:le\s+)?$",
    re.IGNORECASE,
)

MONEY = re.compile(
    rf"(?:(?:environ|autour de|moins de|jusqu'à|maximum|max\.?|about|under|up to)\s+)?(?:{NUMBER})"
    rf"(?:\s*(?:à|-|to)\s*(?:{NUMBER}))?\s*(?:k ?€|k ?euros|€|euros?\b|eur\b)(?:\s*(?:HT|TTC)\b)?"
    r"|[€£$]\s?\d[\d,. ]*\d(?:k\b)?",
    re.IGNORECASE,
)
BUDGET_WORDS = re.compile(
    r"budget|enveloppe|disposons|investir|apport|pr[ée]vu|maxi?(?:mum)?\b|moins de|jusqu'|je peux mettre|pour\s+$|spend|afford",
    re.IGNORECASE,
)
NOT_A_BUDGET = re.compile(r"factur|invoice|p[ée]nalit|pay[ée]|devis de|prix de|remise|amende", re.IGNORECASE)

PREPOSITION = (
    r"(?:livr\w*|delivery|delivered|exp[ée]di\w*|d[ée]part|site|usine|chantier|d[ée]p[oô]t|atelier|entrep[oô]t|agence"
    r"|install\w*|situ[ée]e?s?|envoy\w*|construction|intervention|r[ée]novation|magasin|h[oô]pital|mairie|station|moi|projet"
    r"|brasserie|restaurant|garage|franco)"
)
TOWN = (
    r"(?:(?:La|Le|Les|L'|Saint|Sainte|St|Ste|New|Fort|Mont|Aix|Bourg|Fos|Villeneuve)[ -])?[A-ZÉÈÎÔÂ][a-zà-ÿœ'’]+"
    r"(?:-(?:[A-ZÉÈÎÔÂ]?[a-zà-ÿœ]+))*"
)
PLACES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?i:\b(?:lieu(?: de livraison)?|livraison|ville|site|adresse|delivery|place|location))\s*:\s*(?P<place>{TOWN})(?![\w’'])",
        rf"(?i:\blivraison)(?: (?i:chantier(?: de)?|en|à|a|sur|au|aux))? (?P<place>{TOWN})(?![\w’'])",
        rf"(?i:\b{PREPOSITION})(?:\s+(?:[a-zà-ÿ'’]+)){{0,5}}?\s+(?i:à|a|sur|de|in|to|at|en)\s(?P<place>{TOWN})(?![\w’'])",
        rf"\b(?:à|sur)\s(?P<place>{TOWN})(?=\s*(?:[?.!,;(\n]|$|pour|avant|d'ici|sous|svp|est|:))",
        rf"(?i:\b(?:franco|d[ée]part))\s(?P<place>{TOWN})(?![\w’'])",
        # In one line that says more than a name: "Julie, Tanguy" under "Merci," signs.
        rf"(?:\w[^\w\n]+\w+[ ]*,[ ]*)(?P<place>{TOWN})(?=\s*[,.;\n]|\s*$)",
    )
)
NOT_A_PLACE = frozenset(
    [
        "bonjour",
        "bonsoir",
        "merci",
        "cordialement",
        "cdt",
        "madame",
        "monsieur",
        "budget",
        "livraison",
        "urgent",
        "siren",
        "siret",
        "devis",
        "societe",
        "sarl",
        "sas",
        "prix",
        "delai",
        "qte",
        "quantite",
        "reference",
        "nous",
        "vous",
        "je",
        "il",
        "elle",
        "pouvez",
        "pourriez",
        "merci",
        "svp",
        "bien",
        "salutations",
        "janvier",
        "fevrier",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "aout",
        "septembre",
        "octobre",
        "novembre",
        "decembre",
        "lundi",
        "mardi",
        "mercredi",
        "jeudi",
        "vendredi",
        "samedi",
        "dimanche",
        "noel",
        "paul",
        "marc",
        "luc",
        "thomas",
    ]
)

ROLE = (
    r"(?:responsables?|directeur|directrice|chef(?:fe)?|ing[ée]nieure?|technicienn?e?|g[ée]rante?|acheteu(?:r|se)|pdg|dg|daf"
    r"|charg[ée]e? (?:d'affaires|d[e'] ?\w+)|assistante? \w+|gestionnaire|magasini(?:er|ère)|approvisionneu(?:r|se)|architecte"
    r"|maire(?: adjoint)?|adjointe?|comptable|pr[ée]sidente?|conducteur de travaux|agent de maintenance|dirigeante?"
    r"|buyer|purchasing manager|plant manager|maintenance manager|engineer|director|owner|ceo|cto)"
)
ROLE_TAIL = (
    r"(?:\s(?:de|des|du|de la|d'|of)?\s?(?:l')?(?:achats?|maintenance|production|technique|industriel(?:le)?|logistique|qualit[ée]"
    r"|s[ée]curit[ée]|hse|qhse|m[ée]thodes|travaux|bureau d'[ée]tudes|atelier|chantier|[ée]quipe|investissements?|services? techniques?"
    r"|biom[ée]dical|commercial(?:e)?|approvisionnements?|exploitation|site|projets?|supply chain|usine|g[ée]n[ée]rale?))*"
)
LEGAL = r"(?:SAS|SARL|SASU|SA|EURL|SCI|SNC|GmbH|Ltd|LLC|Inc|BV|SRL|SpA)"
COMPANY_WORD = (
    r"Transports?|Ateliers?|Ets|[ÉE]tablissements|Groupe|Soci[ée]t[ée]|Laiterie|Fonderie|Conserverie|Sucrerie|Papeterie"
    r"|Biscuiterie|Distillerie|Menuiserie|M[ée]canique|C[ée]ramiques?|Minoterie|Meunerie|Raffinerie|Garage|T[ôo]lerie"
    r"|Chantiers|Plomberie|D[ée]molition|Galvano|Vapeur|Outillage|Piscines|Brasserie|Imprimerie|Cars|Lyc[ée]e|Industries?"
    r"|Scierie|Verrerie|Chaudronnerie|Charpentes?|Maçonnerie|Boulangerie|Cave|Coop[ée]rative|Clinique|Usinage|Agri|Hydro|Froid"
)
NAME = r"[A-ZÉÈÎÔÂ][\w’'&.-]*(?:[ ](?:(?:de|du|des|la|le|et|&|d'|l')[ ]?)*(?:[A-ZÉÈÎÔÂ&][\w’'.-]*))*"
COMPANIES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?i:\b(?:soci[ée]t[ée]|entreprise|company|raison sociale|client))\s*:\s*(?P<company>{NAME})",
        rf"(?i:\b(?:la soci[ée]t[ée]|soci[ée]t[ée]|mon entreprise,?|notre soci[ée]t[ée],?|notre entreprise,?|de la part de"
        rf"|pour le compte de|\bchez|envoyer à|working (?:for|at)|on behalf of))\s+(?P<company>{NAME})",
        rf"(?P<company>{NAME}\s+{LEGAL})\b",
        rf"(?P<company>(?:{COMPANY_WORD})\s{NAME})",
        r"(?P<company>[A-ZÉ][\w’'-]+ (?:&|et) (?:Fils|Cie|Frères|Associés|Sons|Co))\b",
        # In a signature, the line under the role.
        rf"\n(?i:{ROLE}{ROLE_TAIL})\n(?P<company>{NAME})(?=\n|$)",
    )
)
ROLES = re.compile(
    rf"(?:^|\n|[,:.(]\s*|\bje suis (?:le |la |l')?|\bi am (?:the |an? )?)(?P<role>{ROLE}{ROLE_TAIL})"
    r"(?=\s*(?:[,.)\n:]|$|chez|de\b|dans|en\b|at\b))",
    re.IGNORECASE,
)

SIREN = re.compile(r"(?<!\d)(?<![+0]\d )\d{3}[ \u00a0.]?\d{3}[ \u00a0.]?\d{3}(?=(?:[ \u00a0.]?\d{5})?(?!\d))")
SIREN_WORDS = re.compile(r"siren|siret|rcs|\($", re.IGNORECASE)

REFERENCE = re.compile(
    r"(?<![\w@/.-])(?=[\w.-]*[A-Z])(?=[\w.-]*\d)[A-Z][A-Z0-9]{0,7}(?:[-./][A-Za-z0-9.]+)*(?:\d+[A-Z]*(?:-[A-Z0-9]+)*)?(?![\w@])|(?<![\w-])\d{4}-\d?[A-Z]{2,}\d?[A-Z]*(?!\w)"
)
LABELLED_REFERENCE = re.compile(
    r"\b(?:r[ée]f(?:[ée]rences?)?|reference|plan|mod[eè]le|type|part (?:no|number))\.?\s*:?\s*(?P<reference>(?=[\w./-]*\d)[\w][\w./-]*\w)",
    re.IGNORECASE,
)
NOT_A_REFERENCE = re.compile(
    r"^(?:DN\d+|M\d{1,2}|S\d{2}|ISO.*|CE|B1V|[A-Z]\d{2}|IP\d{2}|PN\d+|H\d|FA-?\d+|BL\d*)$"
)

QUANTITY_LEAD = re.compile(
    r"(?:\bqt[ée]|\bquantit[ée]s?|\bqty|\bquantity)\s*(?::|de|of)?\s*(?P<quantity>\d[\d \u202f]{0,12}\d|\d)",
    re.IGNORECASE,
)
QUANTITY_TAIL = re.compile(r"\bx\s?(?P<quantity>\d{1,6})\b")
NOUN = re.compile(r"[^\W\d_][\w'’-]*")
COUNTED = re.compile(
    rf"(?<![\w€.,/-])(?P<quantity>(?:{NUMBER}|{SPELT})(?:\s(?:{UNIT})(?![\w]))?)\s+(?:par an\s+)?(?:d'|(?:de|du|des|of)\s(?:l')?)?"
    rf"(?P<noun>[^\W\d_][\w'’-]{{2,}})",
    re.IGNORECASE,
)
ARTICLES = frozenset(
    [
        "de",
        "d",
        "du",
        "des",
        "la",
        "le",
        "les",
        "l",
        "un",
        "une",
        "et",
        "ou",
        "pour",
        "sur",
        "avec",
        "sans",
        "que",
        "qui",
        "dans",
        "au",
        "aux",
        "par",
        "chez",
        "a",
        "à",
        "en",
        "svp",
        "pls",
        "ce",
        "cet",
        "cette",
        "vos",
        "nos",
        "votre",
        "notre",
        "mes",
        "mon",
        "ma",
        "son",
        "sa",
        "ses",
        "vous",
        "nous",
        "je",
        "il",
        "elle",
        "on",
    ]
)
MEASURES = frozenset(
    [
        "jours",
        "jour",
        "semaines",
        "semaine",
        "mois",
        "ans",
        "an",
        "annees",
        "heures",
        "h",
        "minutes",
        "euros",
        "euro",
        "k",
        "ht",
        "ttc",
        "mm",
        "cm",
        "kw",
        "v",
        "bar",
        "bars",
        "kva",
        "ton",
        "degres",
        "pourcent",
        "fois",
        "personnes",
        "operateurs",
        "litres",
        "metres",
        "m",
        "m2",
        "m3",
        "kg",
        "kg",
        "g",
        "tonnes",
        "t",
        "km",
        "l",
        "rue",
        "avenue",
        "boulevard",
        "days",
        "weeks",
        "months",
        "years",
        "hours",
        "percent",
        "times",
    ]
)
MONTHS_AND_DAYS = re.compile(rf"^(?:{MONTH}|{DAY}|semestre|trimestre)$", re.IGNORECASE)
WANTED = re.compile(
    r"\b(?:devis|prix|tarifs?|offres?|cot(?:er|ation|ez)|quotation|chiffr\w+|commande[rz]?|besoin|faudrait|faut|cherch\w+|recherch\w+"
    r"|souhait\w+|voudr\w+|voulons|aimer\w+|achet\w+|achat|fourn\w+|propos\w+|livr\w+|int[ée]ress\w+|remplac\w+|acquisition|d[ée]sir\w+"
    r"|avez-vous|auriez-vous|envoyez|donnez|[ée]quip\w+|estimation|combien|co[uû]t|preneurs?|manque|reserver|r[ée]server|quotes?|price|need|looking|buy"
    r"|tester|installer|projet|lot|dispo\w*|demande|recontacter|savoir plus|d[ée]panner)\b",
    re.IGNORECASE,
)
PRODUCT_AFTER = re.compile(
    r"(?:\b(?:prix|tarifs?|devis|offre|besoin|cherche|recherchons|recherche|coter|achat|acheter|projet|demande de prix|en savoir plus sur"
    r"|remplacer|remplacement|proposer|acquisition|avez-vous|auriez-vous|int[ée]ress[ée]s? par|comme)\b)"
    r"(?:\s(?:svp|pour|de|d'|du|des|sur|vos|notre|nos|la|le|l'|un|une)\s?|\s?:\s?|\s?d')+\s?(?P<noun>[^\W\d_][\w'’-]{3,})",
    re.IGNORECASE,
)
NOT_PRODUCTS = frozenset(
    [
        "devis",
        "prix",
        "tarif",
        "tarifs",
        "offre",
        "offres",
        "delai",
        "budget",
        "livraison",
        "commande",
        "quantite",
        "reference",
        "notre",
        "votre",
        "fourniture",
        "achat",
        "meilleur",
        "meilleure",
        "remplacement",
        "communiquer",
        "recevoir",
        "connaitre",
        "savoir",
        "adresser",
        "transmettre",
        "envoyer",
        "preparer",
        "faire",
        "solution",
        "fournisseur",
        "projet",
        "proposition",
        "estimation",
        "cotation",
        "chiffrage",
        "retour",
        "reponse",
        "lot",
        "intervention",
        "entretien",
        "maintenance",
        "besoin",
        "urgence",
        "plus",
        "merci",
        "bonjour",
        "client",
        "usine",
        "atelier",
        "site",
        "entreprise",
        "societe",
        "entrepot",
        "remise",
        "place",
        "annee",
        "partir",
        "suite",
        "quel",
        "quelle",
        "votre",
        "tous",
        "tout",
        "toute",
        "devait",
        "doit",
        "devrait",
        "etait",
        "sera",
        "avait",
        "est-elle",
        "est-il",
        "est-ce",
        "sont-elles",
        "sont-ils",
        "deux",
        "trois",
        "quatre",
        "revendeur",
        "delais",
        "premier",
        "second",
    ]
)

ADJECTIVE_ENDINGS = (
    "ique", "iques", "elle", "elles", "el", "els", "al", "ale", "ales", "aux", "ant", "ants", "ante", "antes", "eur",
    "euse", "euses", "eurs", "able", "ables", "ible", "ee", "ees", "es", "ifs", "if", "ive", "ives", "ien", "ienne",
    "ox", "on", "ier", "iere", "ieres", "aire", "aires",
)  # fmt: skip
