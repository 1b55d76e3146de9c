"""Make programs of typed functions: parser, help, errors in one line, exit codes."""

import gc
import inspect
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from textwrap import indent
from typing import Any

from cyclopts import App, CoercionError, CycloptsError, Group, Parameter

from steepest.core.errors import InputError

from .outcome import FAILED, INTERRUPTED, OK, USAGE, one_line, say_interrupted

Command = Callable[..., Any]
_WIDEST = 98  # characters in a line of help


@dataclass(frozen=True)
class Family:
    """Commands of two words, such as "patches fit", with the help of the first word."""

    text: str
    commands: Mapping[str, Command]


def _shown(default: Any) -> str | None:
    """How the default of an option is shown in the help, if at all."""
    if default is None or default is False:
        return None
    return f"{default:,}" if isinstance(default, int | float) else str(default)


def make_program(
    name: str, commands: Command | Mapping[str, Command | Family], text: str = "", **options: Any
) -> App:
    """Make a program of one command, or of several with their names.

    A command is a function whose docstring is the help, and whose keywords are the options: their
    types say how they are parsed, and dataclasses are groups of options. It returns a `Batch` to
    process, an exit code, or None. ``text`` is the docstring of a program of several commands.
    """
    if callable(commands):
        app = _app(name, commands.__doc__ or "", **options)
        app.default(commands)
        return app
    program = _app(name, text, **options)
    for order, (word, command) in enumerate(commands.items()):
        if isinstance(command, Family):
            app = make_program(word, command.commands, command.text, sort_key=order)
        else:
            app = make_program(word, command, sort_key=order)
        program.command(app)
    return program


def _app(name: str, docstring: str, **options: Any) -> App:
    """An empty program with a help of a docstring."""
    intro, *rest = re.split(r"^(\w+)\n-{3,}$", inspect.cleandoc(docstring), flags=re.MULTILINE)
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    examples = indent(sections.get("Examples", "").strip("\n"), "  ")
    ends = [f"examples:\n{examples}" if examples else "", _reflow(sections.get("Notes", ""))]
    return App(
        name=name,
        help=_reflow(intro),
        help_epilogue="\n\n".join(filter(None, ends)) or None,
        help_format="plaintext",
        group_arguments=Group("Arguments", sort_key=-2),
        group_parameters=Group("Options", sort_key=-1),
        default_parameter=Parameter(negative=(), show_default=_shown, allow_repeating=True),
        **{"version_flags": [], **options},
    )


def _reflow(text: str) -> str:
    """Join the lines of each paragraph, unless it is indented, so that any width can be filled."""
    paragraphs = text.strip("\n").split("\n\n")
    return "\n\n".join(p if p.startswith(" ") else " ".join(p.split()) for p in paragraphs)


def run(app: App, argv: Sequence[str] | None = None) -> int:
    """Run a program and return the exit code: 0, 1 (failed), 2 (usage or input), 130 (Ctrl-C)."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    words = list(sys.argv[1:] if argv is None else argv)
    chain, apps, _ = app.parse_commands(words)
    name = " ".join([*app.name, *chain])
    if [*chain] == words and apps[-1].default_command is None:
        _print_help(app, chain, sys.stderr)
        return USAGE
    try:
        command, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    except (CycloptsError, InputError) as error:
        print(f"steepest: error: {_in_words(error)} (see {name} --help)", file=sys.stderr)
        return USAGE
    if command == app.help_print:
        _print_help(app, bound.arguments["tokens"], sys.stdout)
        return OK
    return _execute(command, bound, " ".join(chain) or name.split()[-1])


def _print_help(app: App, words: Sequence[str], file: Any) -> None:
    """Print a help page, in which texts of several lines of code fill the lines."""
    from cyclopts.help import DefaultFormatter
    from rich.console import Console
    from rich.text import Text

    class Formatter(DefaultFormatter):
        def __call__(self, console: Any, options: Any, panel: Any) -> None:
            for k, entry in enumerate(panel.entries):
                text = str(getattr(entry.description, "primary_renderable", entry.description))
                panel.entries[k] = entry.copy(description=Text(" ".join(text.split())))
            super().__call__(console, options, panel)

    width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)
    app.help_formatter = Formatter()
    app.help_print(words, console=Console(file=file, width=width, highlight=False))


def _in_words(error: Exception) -> str:
    """Describe a wrong option in one line that names it."""
    text = " ".join(str(error).split()).partition(" Available commands:")[0].rstrip(".")
    name = error.argument.name if isinstance(error, CoercionError) and error.argument else ""
    return text if name in text else f"Invalid value for {name}: {text}"


def _execute(command: Command, bound: inspect.BoundArguments, name: str) -> int:
    """Run a command, and return the exit code."""
    from .choices import Reporting
    from .runner import Batch, run_batch

    if not gc.isenabled():
        gc.freeze()
        gc.enable()
    bound.apply_defaults()
    every = bound.arguments.values()
    reporting = next((each for each in every if isinstance(each, Reporting)), Reporting())
    try:
        result = command(*bound.args, **bound.kwargs)
        code = run_batch(result, reporting, name) if isinstance(result, Batch) else result or OK
        sys.stdout.flush()
        return int(code)
    except BrokenPipeError:  # the reader of our output has exited, as in "steepest ... | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        say_interrupted()
        return INTERRUPTED
    except Exception as error:
        if reporting.traceback:
            raise
        print(f"steepest: error: {one_line(error)}", file=sys.stderr)
        return USAGE if isinstance(error, InputError) else FAILED
