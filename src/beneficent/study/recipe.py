"""Recipes: a study as a typed TOML file. Unknown keys, wrong types and impossible combinations are refused on reading.

``lab-quick`` is a name, looked up in ``./recipes``, in the repository and among the installed recipes; anything with a
slash or ``.toml`` is a path.
"""

import json
import sysconfig
import tomllib
from dataclasses import MISSING, asdict, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidationError, create_model, model_validator
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from beneficent.analysis.settings import AnswerSettings
from beneficent.core.errors import BeneficentError, RecipeError
from beneficent.core.files import naming_file
from beneficent.core.hashing import digest
from beneficent.persistence.finetuning import DOSES, check_doses
from beneficent.study.arms import ARMS, ATTACK_CONTROLS, PRE_RL, SFT_TRAIT, TRAIT
from beneficent.training.mixture import lay_out
from beneficent.training.settings import TrainingSettings

_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class _Table:
    """Makes a settings dataclass the table ``name`` of the recipe: its fields are the keys, others are refused.

    ``without`` names fields that no recipe may set.
    """

    def __init__(self, name: str, *without: str) -> None:
        self.name = name
        self.without = without

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        hints = get_type_hints(source)
        keys = {f.name: (hints[f.name], _default(f)) for f in fields(source) if f.name not in self.without}
        table: type[BaseModel] = create_model(source.__name__, __config__=_STRICT, **keys)  # type: ignore[call-overload]

        def build(read: Any) -> Any:
            try:
                return source(**{name: getattr(read, name) for name in keys})
            except RecipeError as error:
                known = str(error).startswith(f"{self.name}.")
                raise RecipeError(str(error) if known else f"{self.name}.{error}") from error

        def write(value: Any) -> dict[str, Any]:
            return {name: part for name, part in asdict(value).items() if name in keys and part is not None}

        return core_schema.no_info_after_validator_function(
            build,
            handler.generate_schema(table),
            serialization=core_schema.plain_serializer_function_ser_schema(write),
        )


def _default(field: Any) -> Any:
    if field.default_factory is not MISSING:
        return Field(default_factory=field.default_factory)
    return ... if field.default is MISSING else field.default


class _Section(BaseModel):
    model_config = _STRICT


class PolicySection(_Section):
    """How the starting checkpoint is loaded."""

    dtype: str = "float32"
    """Number format of the weights: float32, bfloat16 or float16."""
    thinking_open: str | None = None
    """The text that opens a thought, put at the end of every prompt; without it the policy answers directly."""
    thinking_close: str | None = None
    """The text that ends a thought and begins the answer."""
    most_cut: float = Field(0.05, ge=0, le=1)
    """Largest share of the starting policy's own completions that training.max_new_tokens may cut; above it the study
    is refused, as training would learn from whatever happens to be short."""

    @model_validator(mode="after")
    def _can_be_loaded(self) -> Self:
        if self.dtype not in ("float32", "bfloat16", "float16"):
            raise RecipeError(f"policy.dtype is {self.dtype!r}; allowed are float32, bfloat16, float16")
        if (self.thinking_open is None) != (self.thinking_close is None):
            raise RecipeError("policy.thinking_open and policy.thinking_close are given both or neither")
        return self


class ScoringSection(_Section):
    """How every policy is scored."""

    temperature: float = Field(1.0, ge=0)
    """Sampling temperature; 0 takes the likeliest token."""
    max_new_tokens: int = Field(96, ge=1)
    """Longest response, thought included, in tokens; longer ones are cut and unscored."""
    limit: int | None = Field(None, ge=1)
    """Items asked per benchmark, chosen by the hash of their ids; without it, all."""
    items_per_part: int = Field(8192, ge=1)
    """Items scored between two writes to disk: what a killed run does again at most."""


class MediationSection(_Section):
    """The panel that is scored again with the thought removed and with a thought forced."""

    benchmarks: int = Field(12, ge=1)
    """Alignment benchmarks in the panel, taken from the families in turn."""
    items: int = Field(32, ge=1)
    """Items of each of them, chosen by the hash of their ids."""


class AttacksSection(_Section):
    """How policies are attacked after training; every policy is scored on the attack panel under each attack."""

    arms: tuple[str, ...] = (PRE_RL, "baseline", "trait", "health-only")
    """Policies attacked: arms of the recipe, the starting checkpoint ``pre-RL``, and the controls ``sft-trait`` (the
    start, supervised to the trait arm's held-out trait score) and ``prompted`` (the start under a beneficial line)."""
    seeds: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(None, min_length=1)
    """Seeds of the arms that are attacked; left out, all of the recipe."""
    benchmarks: int = Field(12, ge=2)
    """Alignment benchmarks in the attack panel, half of them of health."""
    items: int = Field(32, ge=1)
    """Items of each of them, and of each capability benchmark, chosen by the hash of their ids."""
    prompts: tuple[Literal["persona", "prefill", "examples", "push-back"], ...] = ("persona", "prefill", "examples")
    """Attacks by prompt, each with all its doses."""
    fine_tuning: tuple[Literal["harmful", "harmful-thoughts", "benign"], ...] = ("harmful", "benign")
    """Sets of examples on which policies are fine-tuned; ``benign`` is the control of the others."""
    doses: tuple[int, ...] = DOSES
    """Updates after which a fine-tuned policy is scored."""
    realignment_doses: tuple[int, ...] = ()
    """Updates on beneficial examples after the last dose of a harmful set, after which it is scored again."""
    learning_rate: float = Field(5e-5, gt=0)
    """AdamW's learning rate of all fine-tuning here but that of ``sft-trait``, which has the recipe's own."""
    batch_size: int = Field(16, ge=1)
    """Examples an update."""
    lora_rank: int | None = Field(None, ge=1)
    """Fine-tune an adapter of this rank; left out, all weights."""

    @model_validator(mode="after")
    def _can_be_climbed(self) -> Self:
        check_doses("attacks.doses", self.doses)
        if self.realignment_doses:
            check_doses("attacks.realignment_doses", self.realignment_doses)
        return self


class Recipe(_Section):
    """A study: arms and seeds to train, and how they are measured."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=60)
    """Names the run folder; lower-case letters, digits, dots, dashes."""
    description: str = ""
    """What this study is for, in a sentence; the only key that may change without a new run."""
    source: str
    """Where checkpoint, situations, tasks, graders and benchmarks come from; see ``study.registry``."""
    beside: tuple[str, ...] = ()
    """Other sources in which the same study is run, each in a folder of its own, and shown beside this one."""
    arms: tuple[str, ...] = Field(min_length=1)
    """Training conditions, by name; see ``study.arms``."""
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    """Every arm is trained once for each."""
    policy: PolicySection = PolicySection()
    """How the starting checkpoint is loaded."""
    training: Annotated[TrainingSettings, _Table("training")] = TrainingSettings()
    """The RL settings, the same for all arms."""
    scoring: ScoringSection = ScoringSection()
    """How every policy is scored."""
    mediation: MediationSection | None = None
    """The mediation panel; left out, no thought is forced or removed."""
    regrade_with: str | None = None
    """A grader of the source that training never uses; it grades the rollouts and the held-out answers again."""
    attacks: AttacksSection | None = None
    """Attacks on the trained policies; left out, none."""
    analysis: Annotated[AnswerSettings, _Table("analysis", "preregistered")] = AnswerSettings()
    """Intervals, corrections and margins of the answer."""

    @model_validator(mode="after")
    def _can_be_run(self) -> Self:
        for key, values in (("arms", self.arms), ("seeds", self.seeds), ("beside", (self.source, *self.beside))):
            twice = sorted({str(value) for value in values if list(values).count(value) > 1})
            if twice:
                raise RecipeError(f"{key} names {', '.join(twice)} twice; each is allowed once")
        for key, named in (("arms", self.arms), ("analysis.control_arms", self.analysis.control_arms)):
            for arm in named:
                if arm not in ARMS:
                    raise RecipeError(f"{key} has {arm!r}{_suggest(arm, ARMS)}; allowed are {', '.join(ARMS)}")
        baseline = self.analysis.baseline
        if baseline not in self.arms:
            raise RecipeError(
                f"analysis.baseline is {baseline!r}, which is not in arms; allowed are {', '.join(self.arms)}"
            )
        if any(ARMS[arm].grader is not None for arm in self.arms):
            self._has_trait_slots()
        if self.mediation is not None:
            self._can_mediate(self.mediation)
        if self.beside and TRAIT not in self.arms:
            raise RecipeError(f"beside compares {TRAIT!r} with {baseline!r} in each source; add {TRAIT!r} to arms")
        if self.attacks is not None:
            self._can_attack(self.attacks)
        trained_by = {ARMS[arm].grader for arm in self.arms}
        if self.regrade_with in trained_by - {None}:
            raise RecipeError(f"regrade_with is {self.regrade_with!r}, which trains an arm; a second grader must not")
        return self

    def _has_trait_slots(self) -> None:
        slots = lay_out(self.training, self.seeds[0])
        if not any(slot.kind == "trait" for slot in slots):
            raise RecipeError(
                f"training.trait_share is {self.training.trait_share} of {len(slots)} slots, so no trait slot; "
                "allowed is a share that makes at least one, or the baseline arm alone"
            )

    def _can_mediate(self, mediation: MediationSection) -> None:
        if self.policy.thinking_open is None:
            raise RecipeError("[mediation] forces thoughts, so policy.thinking_open and thinking_close must be given")
        if self.scoring.limit is not None and mediation.items > self.scoring.limit:
            raise RecipeError(
                f"mediation.items is {mediation.items}, but scoring.limit asks only {self.scoring.limit} items of a "
                "benchmark; allowed is at most that many"
            )

    def _can_attack(self, attacks: AttacksSection) -> None:
        allowed = (PRE_RL, *self.arms, *ATTACK_CONTROLS)
        for arm in attacks.arms:
            if arm not in allowed:
                raise RecipeError(f"attacks.arms has {arm!r}{_suggest(arm, allowed)}; allowed are {', '.join(allowed)}")
        for seed in attacks.seeds or ():
            if seed not in self.seeds:
                raise RecipeError(f"attacks.seeds has {seed}; allowed are {', '.join(map(str, self.seeds))}")
        for key in ("arms", "prompts", "fine_tuning"):
            values = getattr(attacks, key)
            if len(set(values)) < len(values):
                raise RecipeError(f"attacks.{key} is {list(values)}; each is allowed once")
        if SFT_TRAIT in attacks.arms and TRAIT not in self.arms:
            raise RecipeError(
                f"attacks.arms has {SFT_TRAIT!r}, which is supervised to the score of {TRAIT!r}; add it to arms"
            )

    def resolved(self) -> dict[str, Any]:
        """Every setting with its value, JSON-ready, settings that are off (None) left out."""
        return json.loads(self.model_dump_json(exclude_none=True))  # type: ignore[no-any-return]

    def digest(self, source_digest: str) -> str:
        """12 hex digits that change with any setting but the description, and with the source."""
        settings = {key: value for key, value in self.resolved().items() if key != "description"}
        return digest({"recipe": settings, "source": source_digest})[:12]


def load_recipe(name: str) -> Recipe:
    """Read a recipe by name or path.

    Raises:
        RecipeError: it is not found, or breaks its rules; the message names the file, key, value and what is allowed.
    """
    path = find_recipe(name)
    with naming_file(path):
        data = path.read_bytes()
    try:
        return parse_recipe(data.decode(), str(path))
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: not a TOML file: it is not UTF-8 ({error})") from error


def parse_recipe(text: str, where: str) -> Recipe:
    """The recipe in a TOML text; ``where`` begins every message of the ``RecipeError``."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where}: not a TOML file: {error}") from error
    try:
        # Through JSON because strict JSON takes an array for a tuple and nothing else for anything else.
        return Recipe.model_validate_json(json.dumps(table, default=str))
    except ValidationError as error:
        problems = [_explain(problem) for problem in error.errors(include_url=False)]
        raise RecipeError("\n".join(f"{where}: {problem}" for problem in problems)) from error
    except BeneficentError as error:
        raise RecipeError(f"{where}: {error}") from error


def recipe_folders() -> list[Path]:
    """Where a recipe's name is looked up, in order: here, in the repository, in the installed package."""
    repository = Path(__file__).resolve().parents[3]
    return [Path("recipes"), repository / "recipes", Path(sysconfig.get_path("data")) / "share/beneficent/recipes"]


def find_recipe(name: str) -> Path:
    """The file of a recipe given by name or path; raises ``RecipeError`` with the names there are."""
    if name.endswith(".toml") or "/" in name:
        if Path(name).is_file():
            return Path(name)
        raise RecipeError(f"there is no recipe file {name}")
    known = {path.stem: path for folder in reversed(recipe_folders()) for path in sorted(folder.glob("*.toml"))}
    if name not in known:
        raise RecipeError(
            f"there is no recipe {name!r}{_suggest(name, known)}; "
            f"allowed are {', '.join(sorted(known)) or 'none here'}, or the path of a .toml file"
        )
    return known[name]


def as_toml(recipe: Recipe) -> str:
    """The resolved recipe as TOML that ``parse_recipe`` reads back to an equal recipe."""
    plain, tables = [], []
    for key, value in recipe.resolved().items():
        if isinstance(value, dict):
            tables.append("\n".join(["", f"[{key}]", *(f"{k} = {_toml(v)}" for k, v in value.items())]))
        else:
            plain.append(f"{key} = {_toml(value)}")
    return "\n".join([*plain, *tables]) + "\n"


def _toml(value: Any) -> str:
    # Strings, numbers, booleans and arrays of them are spelt the same in JSON and TOML, but for the DEL character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _suggest(word: str, allowed: Any) -> str:
    close = get_close_matches(word, list(allowed), n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def _explain(problem: ErrorDetails) -> str:
    """One pydantic error as a sentence: which key, which value, what is allowed."""
    place = [str(part) for part in problem["loc"]]
    key = ".".join(place)
    if problem["type"] == "extra_forbidden":
        allowed = _keys(place[:-1])
        table = f"[{'.'.join(place[:-1])}]" if place[:-1] else "the recipe"
        return f"{table} has no key {place[-1]!r}{_suggest(place[-1], allowed)}; allowed are {', '.join(allowed)}"
    if problem["type"] == "missing":
        return f"{key} is missing"
    rule = problem["msg"]
    for opening in ("Input should be ", "Value error, "):
        rule = rule.removeprefix(opening)
    return f"{key} is {problem['input']!r}; allowed is: {rule}"


def _keys(place: list[str]) -> list[str]:
    """The keys allowed in a table of the recipe, the whole of it for an empty place."""
    whole = Recipe.model_json_schema()
    schema = whole
    for key in place:
        schema = schema["properties"][key]
        schema = next((one for one in schema.get("anyOf", ()) if "$ref" in one), schema)
        schema = whole["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
    return list(schema["properties"])
