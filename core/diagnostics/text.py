"""What people write."""

from __future__ import annotations

from core.diagnostics.declared import ANY, Diagnostic, Parameter, Tab


def _words(default: int, high: int) -> Parameter:
    return Parameter(
        name="words",
        title="Words",
        kind="integer",
        default=default,
        low=2,
        high=high,
        help="The most frequent",
    )


DECLARED: tuple[Diagnostic, ...] = (
    Diagnostic(
        id="word_frequency",
        tab=Tab.TEXT,
        title="Frequency of words",
        question="Which words do people write most, and who writes them?",
        reading="Words that stand in at least two texts, without English stop words. The second "
        "figure shows each group's share of texts with a word: a row of unequal cells is a word by which "
        "groups differ.",
        tasks=ANY,
        parameters=(_words(50, 100),),
        covers=("Frequency Distribution", "FreqDistVisualizer", "token frequency"),
        text_field=True,
    ),
    Diagnostic(
        id="text_map",
        tab=Tab.TEXT,
        title="Map of the texts",
        question="Which texts are alike, and do groups write alike?",
        reading="Each dot is a text (TF-IDF, reduced by an SVD to 50 dimensions), coloured by "
        "the group of whoever wrote it. Near dots share words; distances between islands mean nothing. "
        "If colours mix in every island, the groups write the same.",
        tasks=ANY,
        parameters=(
            Parameter(
                name="method",
                title="Method",
                kind="choice",
                default="t-SNE",
                values=("t-SNE", "UMAP"),
                help="UMAP takes half a minute the first time on a machine, while it is compiled",
            ),
            Parameter(name="neighbours", title="Neighbours", kind="integer", default=30, low=5, high=100),
            Parameter(name="texts", title="Texts", kind="integer", default=600, low=50, high=1500),
        ),
        covers=("t-SNE Visualization", "TSNEVisualizer", "UMAP Visualization", "UMAPVisualizer"),
        text_field=True,
    ),
    Diagnostic(
        id="word_dispersion",
        tab=Tab.TEXT,
        title="Dispersion of words",
        question="Are words written all the time, or in bursts?",
        reading="Each dot is a text with the word, in order of time. Even rows are everyday "
        "words; a cluster of dots is a fashion, a campaign, or a robot.",
        tasks=ANY,
        parameters=(_words(10, 30),),
        covers=("Dispersion Plot", "DispersionPlot", "lexical dispersion"),
        text_field=True,
    ),
    Diagnostic(
        id="word_correlation",
        tab=Tab.TEXT,
        title="Correlation of words",
        question="Which words stand together in one text?",
        reading="Phi of two words: above 0 they stand together more often than chance, below 0 "
        "they replace each other. Two words near 1 are a phrase.",
        tasks=ANY,
        parameters=(_words(10, 25),),
        covers=("Word Correlation", "WordCorrelationPlot"),
        text_field=True,
    ),
    Diagnostic(
        id="parts_of_speech",
        tab=Tab.TEXT,
        title="Parts of speech",
        question="Do people write names of things, or whole sentences?",
        reading="Nouns and adjectives are names of things; verbs, pronouns and determiners mean "
        "sentences. The tagger is a lexicon with rules that comes with its package: small differences "
        "are within its error, which the note states.",
        tasks=ANY,
        covers=("POS Tag Distribution", "PosTagVisualizer", "POS tagging"),
        text_field=True,
    ),
)
