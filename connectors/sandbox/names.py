"""Fictional companies and people, drawn without repetition."""

from __future__ import annotations

from random import Random

# fmt: off
_HEADS = (
    "Alder", "Amber", "Arden", "Aster", "Bexley", "Birch", "Bramble", "Calder", "Cinder", "Clover", "Coral",
    "Dunmore", "Elmwood", "Fable", "Fenwick", "Garnet", "Glenmore", "Halcyon", "Harrow", "Hazel", "Ivory",
    "Juniper", "Kelby", "Lantern", "Larkspur", "Linden", "Marlow", "Meridian", "Monarch", "Nettle", "Norwood",
    "Oakhurst", "Orchard", "Pelham", "Quarry", "Ravel", "Redfern", "Rowan", "Saffron", "Sable", "Selby", "Slate",
    "Tamarind", "Thistle", "Umber", "Vesper", "Wexford", "Willow", "Yarrow", "Zephyr",
)
_TAILS = (
    "Logistics", "Foods", "Energy", "Clinics", "Insurance", "Mills", "Robotics", "Textiles", "Media", "Pharma",
    "Shipping", "Retail", "Partners", "Schools", "Instruments", "Mobility", "Construction", "Paper", "Optics",
    "Hotels",
)
_FIRST = (
    "Ada", "Amir", "Anna", "Beatriz", "Ben", "Carla", "Chen", "Clara", "Dario", "David", "Elena", "Emil", "Esther",
    "Fatima", "Felix", "Greta", "Hana", "Hugo", "Ida", "Ivan", "Jana", "Jonas", "Karim", "Kira", "Lars", "Leila",
    "Lena", "Leo", "Lucia", "Luis", "Maja", "Marc", "Maria", "Mina", "Nadia", "Nils", "Nora", "Omar", "Oskar",
    "Paula", "Pedro", "Rosa", "Ruth", "Sami", "Sara", "Sven", "Tara", "Theo", "Uma", "Viktor", "Wanda", "Yara",
    "Yusuf", "Zoe",
)
_LAST = (
    "Abara", "Almeida", "Andersson", "Becker", "Berg", "Blanc", "Brandt", "Castro", "Costa", "Dahl", "Diaz",
    "Dubois", "Egger", "Ferrari", "Fischer", "Garcia", "Grimm", "Haas", "Hansen", "Ito", "Jansen", "Kaya", "Keller",
    "Klein", "Kovac", "Lang", "Laurent", "Lopez", "Mader", "Marin", "Meyer", "Moller", "Nagy", "Novak", "Olsen",
    "Ortega", "Park", "Petrov", "Quist", "Reyes", "Ricci", "Romero", "Sato", "Schmid", "Silva", "Soto", "Stein",
    "Tran", "Vega", "Vogel", "Weber", "Wong", "Young", "Zeller",
)
# fmt: on
INDUSTRIES = {
    "Logistics": "Transport",
    "Shipping": "Transport",
    "Mobility": "Transport",
    "Foods": "Consumer goods",
    "Textiles": "Consumer goods",
    "Retail": "Retail",
    "Hotels": "Hospitality",
    "Energy": "Energy",
    "Clinics": "Health care",
    "Pharma": "Health care",
    "Insurance": "Financial services",
    "Partners": "Professional services",
    "Media": "Media",
    "Schools": "Education",
}
COUNTRIES = {"DE": 1, "FR": 1, "GB": 0, "ES": 1, "NL": 1, "SE": 1, "US": -5, "CA": -5, "BR": -3, "IN": 5, "JP": 9}
EURO = {"DE", "FR", "ES", "NL"}


def companies(rng: Random, count: int) -> list[tuple[str, str]]:
    """(name, industry) of `count` companies, no two alike."""
    pairs = [(head, tail) for head in _HEADS for tail in _TAILS]
    chosen = rng.sample(pairs, count) if count <= len(pairs) else [pairs[i % len(pairs)] for i in range(count)]
    named = []
    for i, (head, tail) in enumerate(chosen):
        number = f" {i // len(pairs) + 1}" if i >= len(pairs) else ""
        named.append((f"{head} {tail}{number}", INDUSTRIES.get(tail, "Manufacturing")))
    return named


def person(rng: Random) -> tuple[str, str]:
    """(first, last) name of a person; may repeat."""
    return rng.choice(_FIRST), rng.choice(_LAST)
