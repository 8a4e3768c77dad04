"""What is raised for input that cannot be used, and the first look at a file."""

import os
from pathlib import Path


class InputError(ValueError):
    """Input from outside that cannot be used.

    Its message is one line that names the value and the mend. Experiments print it
    and end with exit status 2.
    """


def check_file(path: str | os.PathLike, what: str) -> Path:
    """A path that names a file with something in it.

    Args:
      path: path from outside.
      what: the kind of file, for the message, such as "image".

    Returns:
      The path.

    Raises:
      InputError: if nothing is there, it is no regular file, it is empty, or it may
        not be read.
    """
    shown = repr(str(path))
    path = Path(path)
    try:
        if path.is_dir():
            raise InputError(f"{shown} is a folder: name the {what} file in it")
        if not path.exists():
            raise InputError(f"no {what} at {shown}: check the path")
        if not path.is_file():
            raise InputError(f"{shown} is no regular file: copy the {what} to one")
        if path.stat().st_size == 0:
            raise InputError(f"{shown} is empty: write the {what} again")
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {shown}: {one_line(error)}") from None
    if not os.access(path, os.R_OK):
        raise InputError(f"{shown} may not be read: change its permissions")
    return path


def one_line(error: BaseException, limit: int = 200) -> str:
    """The message of an error on one line.

    Args:
      error: any exception.
      limit: most characters.

    Returns:
      The message without line breaks; the name of the class if it has none.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 3] + "..."


__all__ = [
    "InputError",
    "check_file",
    "one_line",
]
