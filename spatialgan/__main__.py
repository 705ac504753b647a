"""`python -m spatialgan` is the command `spatialgan`; torchrun starts it by this name."""

from spatialgan.cli.main import main

if __name__ == "__main__":
    main()
