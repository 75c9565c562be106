"""The demonstration company itself: what it sells, to whom, and who sells it. Invented."""

from typing import Final

NAME: Final = "Fluvéance"
SOURCE: Final = "demo:fluveance"
"""The CloudEvents source of every demonstration event."""

SETTINGS: Final = {"COMPANY_NAME": NAME, "REPLY_SENDER": "contact@fluveance.example.fr"}
"""What its own installation is set to."""

REPS: Final = ("Sarah Lebrun", "Karim Haddad", "Élodie Marchand", "James Whitfield", "Priya Nair")
STAGES: Final = ("Nouveau", "Qualifié", "Devis envoyé", "Négociation")
CAMPAIGNS: Final = ("Nouvelle gamme C", "Économies d'énergie", "Pièces d'usure", "Portes ouvertes")
DAYS: Final = {
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
}

# What a lead may be interested in, by code; the words are those of its messages.
PRODUCTS: Final = {
    "pompe_centrifuge": {"fr": "pompes centrifuges", "en": "centrifugal pumps"},
    "pompe_peristaltique": {"fr": "pompes péristaltiques", "en": "peristaltic pumps"},
    "pompe_lobes": {"fr": "pompes à lobes", "en": "lobe pumps"},
    "vanne_papillon": {"fr": "vannes papillon", "en": "butterfly valves"},
    "vanne_membrane": {"fr": "vannes à membrane", "en": "diaphragm valves"},
}

# Log-odds of being won that go with a sector, a channel, and a product that suits its sector.
SECTORS: Final = {
    "agroalimentaire": 0.6,
    "eau": 0.4,
    "chimie": 0.2,
    "pharmacie": 0.3,
    "papeterie": -0.3,
    "bâtiment": -0.7,
    "agriculture": -0.5,
}
CHANNELS: Final = {"formulaire": 0.1, "salon": -0.2, "partenaire": 0.8, "téléphone": 0.4, "annuaire": -0.8}
CHANNEL_SHARES: Final = (0.38, 0.24, 0.12, 0.14, 0.12)
SUITED: Final = frozenset(
    {
        ("agroalimentaire", "pompe_lobes"),
        ("eau", "pompe_centrifuge"),
        ("eau", "vanne_papillon"),
        ("chimie", "vanne_membrane"),
        ("pharmacie", "pompe_peristaltique"),
        ("agriculture", "pompe_centrifuge"),
    }
)
SUITED_LOG_ODDS: Final = 0.6

REGIONS: Final = {
    "fr": ("Bretagne", "Pays de la Loire", "Île-de-France", "Auvergne-Rhône-Alpes", "Grand Est", "Occitanie"),
    "en": ("North West", "West Midlands", "Yorkshire", "South East", "Scotland"),
}
PAGES: Final = ("/", "/pompes", "/vannes", "/references", "/fiches-techniques", "/contact")
PRICE_PAGE: Final = "/tarifs"
SITE: Final = "https://www.example.fr"
