"""``python -m beneficent`` is the command ``beneficent``."""

from beneficent.cli.main import main

# The guard matters: workers are spawned, and a spawned process imports this file under another name.
if __name__ == "__main__":
    main()
