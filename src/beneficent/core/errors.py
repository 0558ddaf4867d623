"""The errors a user can meet. Each message names the file, line or key, the value, and what is allowed."""


class BeneficentError(Exception):
    """Something the user can mend; the command line prints it without a traceback and exits with 2."""


class RecipeError(BeneficentError):
    """A recipe has an unknown key, a wrong type or an impossible combination."""


class DataError(BeneficentError):
    """A data file (situations, benchmarks, grammar) breaks its own rules."""


class PolicyError(BeneficentError):
    """A checkpoint folder, tokenizer or prompt cannot be used as a policy."""


class CorruptFileError(BeneficentError):
    """A file in a run folder is not what its manifest says it is."""


class FolderInUseError(BeneficentError):
    """Another process works in this run folder."""


class TrainingStoppedError(BeneficentError):
    """Training learns nothing or diverges; the last good checkpoint is kept."""


class MissingExtraError(BeneficentError):
    """An optional dependency is not installed; the message says which extra brings it."""
