"""Score a run that you hold in Python: no files, no configuration, no Java."""

from qa_bench import has_answer, score_run

# Gold answers by question id, and each question's passages as (title, text), best first.
answers = {
    "q1": ["Clara Holm"],
    "q2": ["1887"],
    "q3": ["forty-one", "41"],
}
run = {
    "q1": [
        ("Fish market", "An auctioneer called Per Voss introduced the evening sale in 1934."),
        ("Swing bridge", "It was designed by the engineer Clara Holm and opened in 1903."),
    ],
    "q2": [("Harbour lighthouse", "It was lit for the first time on 3 May 1887.")],
    # q3 has no hits. It stays in the denominator.
}

for name, value in score_run(answers, run, k=(1, 2, 20)).items():
    print(f"{name:18} {value:.4f}")

# Which passage was it, and by whose rules?
for mode in ("dpr", "drqa", "flashrag"):
    found = has_answer("The hall of the rope-works is long.", ["rope"], mode=mode)
    print(f"{mode:18} {found}")
