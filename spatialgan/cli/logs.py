"""What commands say while they work: one line per message on stderr, as many as -v and -q ask for."""

import logging

import click

from spatialgan.messages import printable

LEVELS = {-2: logging.ERROR, -1: logging.WARNING, 0: logging.INFO, 1: logging.DEBUG}
PACKAGE = "spatialgan"


class EchoHandler(logging.Handler):
    """Write messages to whatever stderr is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        click.echo(printable(self.format(record)), err=True)


def configure_logging(verbosity: int) -> None:
    """Show the package's messages: at 0 from INFO up, at -1 only warnings, at -2 only errors, at 1 everything.

    From 1 up, each line says which module it comes from; from 2 up, other packages' messages are shown as well. Results,
    which go to stdout, and the line that says why a command failed are not messages: they are always shown.
    """
    level = LEVELS[max(min(verbosity, max(LEVELS)), min(LEVELS))]
    handler = EchoHandler()
    handler.setFormatter(
        logging.Formatter("%(name)s: %(message)s" if verbosity > 0 else "%(message)s")
    )
    root, package = logging.getLogger(), logging.getLogger(PACKAGE)
    for logger in (root, package):
        for old in [old for old in logger.handlers if isinstance(old, EchoHandler)]:
            logger.removeHandler(old)
    package.setLevel(level)
    (root if verbosity > 1 else package).addHandler(handler)
    root.setLevel(level if verbosity > 1 else logging.WARNING)
