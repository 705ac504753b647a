"""The command that serves the studio."""

from pathlib import Path

import click

PORT = 8017


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL ...]")
@click.option(
    "--open/--no-open", "open_page", default=True, help="Open the page in the browser, or don't."
)
@click.option(
    "--port",
    default=PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0: any free port.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="With an address beyond this machine, anyone who has the printed link, which contains a token, can use "
    "the studio.",
)
@click.option(
    "--discriminator",
    "discriminators",
    type=(str, click.Path(path_type=Path)),
    multiple=True,
    metavar="MODEL FILE",
    help="Show where this discriminator looks in images of MODEL: a run's checkpoint, or a file from "
    "`spatialgan import --discriminator`. The one in a run's own last checkpoint is found automatically.",
)
def studio(
    models: tuple[str, ...],
    open_page: bool,
    port: int,
    host: str,
    discriminators: tuple[tuple[str, Path], ...],
) -> None:
    """Edit images in the browser: drag an object and see the image follow.

    MODEL is a shipped model, or the path of a snapshot; by default all shipped models. Ctrl-C ends the studio.
    """
    import webbrowser

    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError:
        raise ValueError("the studio needs an extra: pip install 'spatialgan[studio]'") from None
    from spatialgan.studio.serve import make_studio

    by_model = dict(discriminators)
    if len(by_model) < len(discriminators):
        raise ValueError("--discriminator: name each model once")
    made = make_studio(list(models), host, port, by_model)
    click.echo(f"The studio is at {made.address}\nCtrl-C ends it.")
    if open_page:
        webbrowser.open(made.address)
    made.run()
