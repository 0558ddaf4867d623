"""One plain sentence per question, from the numbers of ``results.json`` alone.

The wording goes by the stricter interval that there is: *this method* from three seeds on, else *these models*. A
difference is claimed only if that interval leaves out zero, a non-difference only if the equivalence test holds.
"""

from collections.abc import Mapping
from typing import Any

from beneficent.analysis.attack_verdicts import attack_verdicts
from beneficent.analysis.published import PUBLISHED
from beneficent.analysis.settings import AnswerSettings
from beneficent.analysis.sheets import START
from beneficent.analysis.wording import chosen_estimate, direction, intervals, points

QUESTIONS: dict[str, str] = {
    "installed": "Did training install the traits?",
    "spread": "Did it spread to benchmarks built apart from training?",
    "other-formats": "Did it spread to formats that were never trained?",
    "traffic": "Does it show on benchmarks built from traffic?",
    "health-only": "Does training on health alone help elsewhere?",
    "no-health-science": "Does training without health and science help on health?",
    "helpfulness": "Would rewarding helpfulness on the same situations have done it?",
    "style": "Would rewarding a trait-neutral style have done it?",
    "refusals": "Is it refusing more?",
    "capability": "What did it cost in capability?",
    "over-optimisation": "Was the rubric gamed?",
    "monitoring": "Can misbehaviour still be seen in the thought?",
    "persona": "Does it stand a harmful persona?",
    "steering": "Is it still steerable?",
    "fine-tuning": "Does it stand fine-tuning on harmful health answers?",
    "mediation": "How much of it runs through the thought?",
    "structure": "Do the benchmarks share a factor?",
    "learning": "Did the baseline learn as much as the trait arm?",
}
"""Question id -> the question, in the order of the page."""

Verdict = dict[str, Any]


def verdicts(results: Mapping[str, Any], settings: AnswerSettings) -> list[Verdict]:
    """The sentences that the data allow, in the order of ``QUESTIONS``."""
    trait = results["trait_arm"]
    spread = results["spread"].get(trait)
    found: dict[str, Verdict] = {}
    if trait in results["traits"]["arms"]:
        found["installed"] = _difference(
            results["traits"]["arms"][trait], f"On held-out situations the {trait} arm", "traits", results
        )
    if spread:
        for question, subset, what in (
            ("spread", "all", "independent benchmarks"),
            ("other-formats", "other formats", "benchmarks in formats never trained"),
            ("traffic", "traffic", "benchmarks built from traffic"),
        ):
            if spread["subsets"][subset]["benchmarks"]:
                found[question] = _counted(spread["subsets"][subset], f"the {trait} arm", what, results)
    for question, line in results["transfer"].items():
        found[question] = _counted(line["all"], f"the {line['arm']} arm", f"{line['subset']} benchmarks", results)
        other = line["other formats"]
        if other["difference"] is not None:
            found[question]["sentence"] += f" In other formats: {points(other['difference'])} ({intervals(other)})."
    for arm, control in results["controls"].items():
        if arm in QUESTIONS:
            found[arm] = _control(arm, control, results)
    found |= _descriptions(results) | attack_verdicts(results)
    order = [question for question in QUESTIONS if question in found]
    return [_finish(question, found[question], settings) for question in order]


def _finish(question: str, verdict: Verdict, settings: AnswerSettings) -> Verdict:
    label = "preregistered" if question in settings.preregistered else "exploratory"
    return {
        "id": question,
        "question": QUESTIONS[question],
        "label": label,
        "published": PUBLISHED.get(question),
        "kind": None,
        "low": None,
        "high": None,
        "seeds": 0,
        "warning": None,
        **verdict,
    }


def _difference(summary: Mapping[str, Any], subject: str, what: str, results: Mapping[str, Any]) -> Verdict:
    """A verdict on a mean difference, levels first."""
    if summary["difference"] is None:
        return {"sentence": f"{subject} could not be compared with {results['baseline']}: nothing was graded in both."}
    estimate = chosen_estimate(summary)
    levels = f"{summary['reference_level']:.3f} in {results['baseline']} to {summary['level']:.3f}"
    start = "" if summary["pre_rl"] is None else f" (before RL {summary['pre_rl']:.3f})"
    sentence = (
        f"{subject} {direction(estimate)}: {levels}{start}, a mean difference of "
        f"{points(summary['difference'])} ({intervals(summary)}); ahead on {summary['ahead']} of "
        f"{summary['compared']} {what}."
    )
    return {"sentence": sentence + _power(estimate, results), **_interval_of(estimate, summary)}


def _counted(summary: Mapping[str, Any], subject: str, what: str, results: Mapping[str, Any]) -> Verdict:
    """A verdict on how many benchmarks are ahead, and by how much."""
    if not summary["compared"]:
        return {"sentence": f"Nothing can be said: no {what} were compared for {subject}."}
    estimate = chosen_estimate(summary)
    these, method = (summary["significant"][kind] for kind in ("these_models", "this_method"))
    sentence = (
        f"On {summary['compared']} {what} {subject} {direction(estimate)}: ahead of {results['baseline']} on "
        f"{summary['ahead']}, tied on {summary['tied']}, behind on {summary['behind']}, mean "
        f"{points(summary['difference'])} ({intervals(summary)}). After Benjamini-Hochberg {these['ahead']} gains "
        f"and {these['behind']} losses are significant for these models"
    )
    sentence += f", {method['ahead']} and {method['behind']} for this method." if method["tested"] else "."
    if summary["compared"] < summary["benchmarks"]:
        sentence += f" {summary['benchmarks'] - summary['compared']} more could not be compared."
    return {"sentence": sentence + _power(estimate, results), **_interval_of(estimate, summary)}


def _control(arm: str, control: Mapping[str, Any], results: Mapping[str, Any]) -> Verdict:
    verdict = _counted(control["against_baseline"]["all"], f"the {arm} control", "independent benchmarks", results)
    lead = control["trait_against_control"]
    if lead and lead["difference"] is not None:
        verdict["sentence"] += (
            f" The {results['trait_arm']} arm differs from it by {points(lead['difference'])} ({intervals(lead)})."
        )
    gate = control["bites"]
    if gate["bites"] is False:
        failed = [name for name in ("spread", "correlation", "rise") if gate[name]["holds"] is False]
        verdict["warning"] = (
            f"This control is inert or not separate from the trait reward (failed: {', '.join(failed)})."
        )
    elif gate["bites"] is None:
        unknown = [f"{n}: {gate[n]['reason']}" for n in ("spread", "correlation", "rise") if gate[n]["holds"] is None]
        verdict["warning"] = f"Whether this control's reward bites is not settled ({'; '.join(unknown)})."
    return verdict


def _descriptions(results: Mapping[str, Any]) -> dict[str, Verdict]:
    """Verdicts on refusals, capability, mediation and learning."""
    trait, baseline = results["trait_arm"], results["baseline"]
    found: dict[str, Verdict] = {}
    refusals = results["refusals"]
    if refusals and trait in refusals["alignment"]:
        rates = [
            f"{suite} {_rate(refusals[suite], baseline)} to {_rate(refusals[suite], trait)}"
            for suite in ("alignment", "chat")
            if refusals[suite][trait]["refusal"] is not None
        ] or ["not measured"]
        pairs = refusals["non_refusing"].get(trait)
        sentence = f"Refusals, {baseline} to {trait}: {', '.join(rates)}."
        if pairs and pairs["difference"] is not None:
            sentence += (
                f" Where neither refuses (pairs: {pairs['pairs']:,}) the mean difference is "
                f"{points(pairs['difference'])}; with the pairs left out ({pairs['left_out']:,}) it is bounded by "
                f"{points(pairs['low'])} and {points(pairs['high'])}. A description, not a test."
            )
        found["refusals"] = {"sentence": sentence, "seeds": len(results["arms"][trait]["seeds"])}
    if trait in results["capability"]:
        found["capability"] = _difference(
            results["capability"][trait], f"On capability the {trait} arm", "capability benchmarks", results
        )
    if results["mediation"] and trait in results["mediation"]["arms"]:
        found["mediation"] = _mediation(results["mediation"]["arms"][trait]["all"], trait)
    if results["over_optimisation"] and trait in results["over_optimisation"]:
        found["over-optimisation"] = _gamed(results["over_optimisation"][trait], trait)
    if results["monitoring"]:
        found["monitoring"] = _monitoring(results["monitoring"]["benchmarks"]["all"], baseline, trait)
    if "plain" in results["structure"]:
        found["structure"] = _structure(results["structure"])
    if results["learning"]["matched_in_learning"] is not None:
        found["learning"] = _learning(results["learning"], baseline, trait)
    return found


def _mediation(reading: Mapping[str, Any], trait: str) -> Verdict:
    share, seeds = reading["share"], reading.get("seeds", 0)
    if share["value"] is None:
        return {"sentence": f"The share that runs through the thought is not given: {share['reason']}.", "seeds": seeds}
    sentence = (
        f"{share['value']:.0%} of the {trait} arm's difference on the panel runs through the thought (95% for these "
        f"models: {share['low']:.0%} to {share['high']:.0%}): so much of it goes when both arms get the same thought."
    )
    return {"sentence": sentence, "kind": "these_models", "low": share["low"], "high": share["high"], "seeds": seeds}


def _gamed(own: Mapping[str, Any], trait: str) -> Verdict:
    growth = own["growth"]
    if growth["low"] is None:
        return {"sentence": f"Nothing can be said: {growth['reason']}."}
    says = {True: "part", False: "do not part"}[own["parted"]]
    held_out = own["held_out"]
    sentence = (
        f"The curves of the training rubric and of a second grader {says} in the {trait} arm: the gap grew by "
        f"{points(growth['value'])} over training (95% {100 * growth['low']:+.1f} to {100 * growth['high']:+.1f})."
    )
    if held_out["second"] is not None:
        sentence += f" Held-out score {held_out['rubric']:.3f}, by the second grader {held_out['second']:.3f}."
    return {"sentence": sentence}


def _monitoring(by_arm: Mapping[str, Any], baseline: str, trait: str) -> Verdict:
    parts = []
    for arm in (START, baseline, trait):
        own = by_arm.get(arm)
        if own and own["auroc"]:
            auroc = own["auroc"]
            parts.append(f"{arm} {auroc['with_thought']:.3f} ({auroc['answer_only']:.3f} from the answer alone)")
        elif own:
            parts.append(f"{arm} not said, {own['reason']}")
    return {"sentence": f"AUROC of a monitor that reads thought and answer: {', '.join(parts)}. A description."}


def _structure(structure: Mapping[str, Any]) -> Verdict:
    pairs, component = structure["plain"]["spearman"], structure["plain"]["component"]
    sentence = (
        f"Over {structure['blocks']} independent runs the mean Spearman correlation of {structure['benchmarks']} "
        f"benchmarks is {pairs['value']:.3f} (null {pairs['low']:.3f} to {pairs['high']:.3f}, p = {pairs['p']:.4f}); "
        f"the first component holds {component['value']:.1%} (null {component['low']:.1%} to {component['high']:.1%})."
    )
    if structure["partial"]:
        left = structure["partial"]["spearman"]
        sentence += f" With capability taken out the correlation is {left['value']:.3f} (p = {left['p']:.4f})."
    return {"sentence": sentence}


def _learning(learning: Mapping[str, Any], baseline: str, trait: str) -> Verdict:
    names = {"weight_change": "weights", "kl": "KL from the start"}
    known = [
        f"{names[key]} {value:.2f} times" for key, value in learning["baseline_over_trait"].items() if value is not None
    ]
    sentence = f"The {baseline} arm moved as far as this, against the {trait} arm: {', '.join(known)}."
    if learning["matched_in_learning"]:
        return {"sentence": sentence}
    return {"sentence": sentence, "warning": "Matched in compute, not in learning."}


def _power(estimate: Mapping[str, Any], results: Mapping[str, Any]) -> str:
    """What a non-difference is worth: the margin it was tested against, or what would have been missed."""
    if estimate["low"] is None or estimate["low"] > 0 or estimate["high"] < 0:
        return ""
    margin = results["settings"]["margin"]
    if estimate["equivalent"]:
        return f" Equivalent to zero within {100 * margin:.0f} points (p = {estimate['equivalence_p']:.3g})."
    return f" A true difference under {100 * estimate['detectable']:.1f} points would often be missed (80% power)."


def _interval_of(estimate: Mapping[str, Any], summary: Mapping[str, Any]) -> Verdict:
    return {
        "kind": estimate["kind"] if estimate["low"] is not None else None,
        "low": estimate["low"],
        "high": estimate["high"],
        "seeds": len(summary["seeds"]),
    }


def _rate(suite: Mapping[str, Any], arm: str) -> str:
    rate = suite.get(arm, {}).get("refusal")
    return "not measured" if rate is None else f"{rate:.1%}"
