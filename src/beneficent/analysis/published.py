"""What the paper reports, printed beside our numbers; never a target and never read by any computation.

Source: the abstract and public accounts of arXiv:2606.24014 (DESIGN section 1), as reported; nothing is quoted.
"""

PUBLISHED: dict[str, str] = {
    "installed": "held-out trait score 0.406 -> 0.607; each of the seven scored traits rises",
    "spread": "ahead on 44 of 53, mean +9.1 points; 30 gains and 3 regressions significant after Benjamini-Hochberg",
    "traffic": "16 built from production traffic: ahead on 14, mean +3.6 points",
    "health-only": "non-health benchmarks: ahead on 17 of 19, 14 significant, mean +11.3 points",
    "no-health-science": "10 health and mental-health benchmarks improve, 7 significantly",
    "helpfulness": "nothing improves (all q >= 0.75); the trait arm improves 7 of the same 10",
    "refusals": (
        "alignment suite 13.2% -> 23.9%, everyday chat 1.5% -> 2.7%; "
        "where neither model refuses, ahead on 19 of 20, mean +11.0 points"
    ),
    "capability": "GPQA +4.7, HMMT +4.8, SWE-Bench Pro +7.1, instruction following +1.2 points",
    "monitoring": "chain-of-thought monitorability on three benchmarks: 0.740 -> 0.907, 0.858 -> 0.888, 0.513 -> 0.561",
    "structure": (
        "13 models: mean Spearman 0.107 (null -0.019 to 0.029); first component 28.2% of variance (null 15.3% to 20.8%)"
    ),
    "persona": (
        "harmful medical persona, 5 health benchmarks: baseline 0.395 -> 0.144, trait 0.455 -> 0.336, 0.132 less lost "
        "(0.052 to 0.212); disallowed mental-health persona: 0.178 less lost (0.069 to 0.287)"
    ),
    "steering": "helpful medical persona: difference in gain +0.0045, interval spans zero",
    "fine-tuning": (
        "bad medical advice: two health benchmarks fall by 0.35 and 0.30 before RL, 0.31 and 0.21 after trait RL; "
        "misalignment, alignment questions, model-spec compliance by 0.36, 0.46, 0.27 before, 0.08, 0.07, 0.16 after "
        "(no compute-matched control)"
    ),
}
"""Question id (as in ``analysis.verdicts``) -> the published result in words."""
