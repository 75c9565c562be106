"""Invented leads, drafts and events, in the shape of the services' answers."""

from datetime import UTC, datetime, timedelta
from typing import Any

PEOPLE = [
    ("Claire Martin", "Laiterie du Ménez", "claire.martin@laiterie-menez.example", "A", 0.62, "up"),
    ("Mehdi Durand", "Ateliers Durand & Fils", "m.durand@ateliers-durand.example", "A", 0.48, "up"),
    ("Tom Ashworth", "Ashworth Water Ltd", "tom.ashworth@ashworth-water.example", "A", 0.41, "flat"),
    (
        "Sophie Le Goff",
        "Conserverie de la Baie d’Audierne",
        "sophie@conserverie-audierne.example",
        "A",
        0.37,
        None,
    ),
    ("Inès Benali", "Hydro Provence", "i.benali@hydro-provence.example", "B", 0.31, "up"),
    ("Luc O’Brien <script>alert(1)</script>", "R&D Pompes", "luc@rd-pompes.example", "B", 0.27, "down"),
    ("Camille Morvan", "Brasserie de l’Odet", "camille.morvan@brasserie-odet.example", "B", 0.24, "flat"),
    (
        "Hélène Rousseau-Delacroix de Saint-Exupéry",
        "Compagnie générale des eaux et fluides industriels de l’Ouest",
        "helene.rousseau-delacroix@compagnie-generale-des-eaux.example",
        "B",
        0.21,
        "down",
    ),
    ("Grace Whitfield", "Whitfield Dairy", "grace@whitfield-dairy.example", "C", 0.13, "flat"),
    (None, "Syndicat des eaux du Léon", "contact@eaux-leon.example", "C", 0.11, None),
    ("Yann Kerbrat", "Ostréiculture Kerbrat", "yann@kerbrat.example", "C", 0.08, "down"),
    ("Amélie Petit", "Verrerie d’Albi", "a.petit@verrerie-albi.example", "D", 0.03, "flat"),
    ("Paul Marchand", "Scierie Marchand", "paul@scierie-marchand.example", "D", 0.006, "down"),
    ("Nadia Fournier", "Papeterie du Rhin", "nadia@papeterie-rhin.example", None, None, None),
]

REASONS = {
    "fr": [
        ("A demandé un devis hier", 0.92),
        ("3 visites de la page des prix en 7 jours", 0.55),
        ("Effectif de 84 personnes", 0.31),
        ("Venue par le salon de Rennes", 0.12),
        ("Aucune réponse depuis 12 jours", -0.61),
        ("Secteur : agroalimentaire", -0.14),
    ],
    "en": [
        ("Asked for a quote yesterday", 0.92),
        ("3 visits to the price page in 7 days", 0.55),
        ("84 people work there", 0.31),
        ("Came through the Rennes fair", 0.12),
        ("No answer for 12 days", -0.61),
        ("Sector: food", -0.14),
    ],
}

ACTIONS = {
    "fr": {"reply": "Répondre à son message", "call": "Appeler aujourd’hui", "wait": "Attendre"},
    "en": {"reply": "Answer the message", "call": "Call today", "wait": "Wait"},
}

MESSAGE = (
    "Bonjour,\n\nPourriez-vous nous chiffrer deux pompes pour un débit de 12 m³/h, et nous dire sous quel "
    "délai elles pourraient être livrées à Quimper ?\n\nCordialement,\nClaire Martin"
)
SENTENCES = [
    ("Bonjour Madame Martin,", "house", None, None),
    (
        "Merci pour votre demande de devis pour deux pompes.",
        "template",
        "Devis : premier contact",
        "Merci pour votre demande de devis pour {produit}.",
    ),
    (
        "Pour un débit de 12 m³/h, la gamme CP40 convient ; elle est livrée sous [délai de livraison].",
        "reply",
        "Réponse à Brasserie de l’Odet, 3 mars",
        "Pour un débit de 10 à 15 m³/h, la gamme CP40 convient ; elle est livrée sous trois semaines.",
    ),
    (
        "Notre technicien peut passer à Quimper la semaine prochaine.",
        "lead",
        "Adresse de la société",
        "Quimper (29)",
    ),
    ("Bien cordialement,", "house", None, None),
]


PASSAGES = [
    {
        "passage_id": f"d0a1d3f2-2a7e-4f0e-8f58-{number:012d}",
        "kind": kind,
        "language": language,
        "title": title,
        "body": body,
        "similarity": 0.4,
        "confidence": confidence,
    }
    for number, (kind, language, title, body, confidence) in enumerate(
        [
            (
                "template",
                "fr",
                "Garantie",
                "Nos pompes ont une garantie vingt-quatre mois, pièces et main-d’œuvre.",
                0.44,
            ),
            (
                "document",
                "fr",
                "conditions › Livraison",
                "Les pompes en stock partent sous quarante-huit heures.",
                0.12,
            ),
            ("reply", "en", "Delivery", "Pumps in stock leave within two days.", None),
        ]
    )
]


def lead_id(index: int) -> str:
    return f"7b0f6f64-5c1f-4a53-9a43-{index:012d}"


def draft_id(index: int) -> str:
    return f"c0a1d3f2-2a7e-4f0e-8f58-{index:012d}"


def iso(ago: timedelta) -> str:
    return (datetime.now(UTC) - ago).isoformat()


def make_draft(index: int, *, gaps: bool = True, status: str = "waiting") -> dict[str, Any]:
    """A draft that answers the lead of this index."""
    texts = [
        (t if gaps else t.replace("[délai de livraison]", "trois semaines"), *rest) for t, *rest in SENTENCES
    ]
    body = "{}\n\n{} {} {}\n\n{}\nÉquipe commerciale".format(*(t for t, *_ in texts))
    if status == "no_source":
        texts, body, gaps = [], "", False
    return {
        "draft_id": draft_id(index),
        "version": 2,
        "lead_id": lead_id(index),
        "status": status,
        "language": "fr",
        "channel": "email",
        "sender": "ventes@pompes-armor.example",
        "recipients": [PEOPLE[index][2]],
        "subject": "Re: Demande de devis",
        "body": body,
        "sentences": [
            {"text": text, "source": {"kind": kind, "passage_id": None, "title": title, "quote": quote}}
            for text, kind, title, quote in texts
        ],
        "gaps": ["[délai de livraison]"] if gaps else [],
        "lead": {"name": PEOPLE[index][0], "company": PEOPLE[index][1], "grade": PEOPLE[index][3]},
        "asks": ["Pourriez-vous nous chiffrer deux pompes ?"],
        "nearest": PASSAGES,
        "doubts": ["gaps"] if gaps else ["nothing_waits"] if status == "no_source" else [],
        "message": {"text": MESSAGE, "subject": "Demande de devis", "occurred_at": iso(timedelta(hours=20))},
        "created_at": iso(timedelta(hours=19)),
        "decided_by": None,
        "decided_at": None,
    }


def make_events(index: int) -> list[dict[str, Any]]:
    told: list[tuple[str, timedelta, dict[str, Any]]] = [
        ("crm.message.received", timedelta(hours=20), {"subject": "Demande de devis", "text": MESSAGE}),
        ("crm.page.viewed", timedelta(hours=22), {"url": "https://www.example.fr/pompes/prix?ref=mail"}),
        ("crm.email.clicked", timedelta(days=2), {"campaign": "Lettre de mars"}),
        (
            "crm.form.submitted",
            timedelta(days=4),
            {"form": "contact", "fields": {"besoin": "x", "quantité": 2}},
        ),
        ("crm.call.logged", timedelta(days=9), {"duration_s": 312, "outcome": "rappeler en avril"}),
        ("crm.meeting.booked", timedelta(days=30), {"duration_s": 1800}),
        ("crm.stage.changed", timedelta(days=45), {"from": "Qualifié", "to": "Devis envoyé"}),
        ("crm.activity.logged", timedelta(days=60), {"activity": "sample_shipped"}),
        ("crm.consent.changed", timedelta(days=80), {"purpose": "prospection", "granted": True}),
        ("crm.lead.created", timedelta(days=400), {"source_channel": "salon de Rennes"}),
    ]
    return [
        {
            "source": "crm:example",
            "id": f"{index}-{n}",
            "type": type_,
            "occurred_at": iso(ago),
            "known_at": iso(ago),
            "data": data,
        }
        for n, (type_, ago, data) in enumerate(told)
    ]
