"""Search queries whose words were labelled by hand: N noun, A adjective, V verb, R adverb, P preposition,
D determiner, C number, O pronoun, J conjunction, T particle. A query is a line of word/label.
"""

from __future__ import annotations

KINDS = {
    "N": "noun",
    "A": "adjective",
    "V": "verb",
    "R": "adverb",
    "P": "preposition",
    "D": "determiner",
    "C": "number",
    "O": "pronoun",
    "J": "conjunction",
    "T": "particle",
}

SHOP = """
headphones/N|smart/A tv/N|speaker/N|camera/N|jacket/N|sneakers/N|summer/N dress/N|jeans/N|desk/N lamp/N
garden/N hose/N|sofa/N cover/N|cookware/N|face/N cream/N|shampoo/N|lipstick/N|razor/N|yoga/N mat/N|tent/N
running/N belt/N|bike/N helmet/N|cookbook/N|crime/N novel/N|atlas/N|poetry/N|coffee/N beans/N|olive/N oil/N
dark/A chocolate/N|green/A tea/N|car/N battery/N|floor/N mats/N|dash/N cam/N|wiper/N blades/N|board/N game/N
puzzle/N|building/N bricks/N|doll/N house/N|laptop/N|monitor/N|keyboard/N|external/A disk/N|cat/N litter/N
dog/N bed/N|aquarium/N|bird/N food/N|vitamins/N|detergent/N|paper/N towels/N|first/A aid/N|best/A laptop/N
cheap/A razor/N|new/A camera/N|small/A tent/N|large/A sofa/N cover/N|black/A jacket/N|gift/N cookbook/N
best/A cheap/A jeans/N|black/A new/A keyboard/N|small/A gift/N puzzle/N|large/A best/A yoga/N mat/N
"""
"""Such as the generator writes."""

OTHER = """
wireless/A mouse/N|red/A running/N shoes/N|how/R to/T clean/V suede/N boots/N|winter/N coat/N for/P women/N
usb/N cable/N 2/C m/N|waterproof/A phone/N case/N|organic/A honey/N|kids/N rain/N jacket/N|used/A bike/N
where/R is/V my/O order/N|lamp/N for/P reading/V|stainless/A steel/N pan/N|quiet/A dishwasher/N
men/N socks/N white/A|gluten/N free/A bread/N|hiking/N boots/N size/N 43/C|buy/V plants/N online/R
cordless/A drill/N|garden/N chairs/N with/P cushions/N|birthday/N card/N|vegan/A protein/N powder/N
very/R soft/A blanket/N|return/V a/D parcel/N|toothbrush/N|coffee/N machine/N and/J grinder/N
cute/A cat/N toys/N
led/N strip/N|vintage/A leather/N bag/N|folding/A table/N|baby/N clothes/N|ink/N for/P my/O printer/N
cheap/A flights/N to/T spain/N
"""
"""Such as people write elsewhere."""

Labelled = list[tuple[str, str]]


def queries(text: str) -> list[Labelled]:
    """Every query as its words with their parts of speech."""
    return [
        [(word, KINDS[label]) for word, _, label in (part.rpartition("/") for part in query.split())]
        for line in text.split("\n")
        for query in line.split("|")
        if query
    ]
