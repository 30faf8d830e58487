"""`python -m pipper`."""

from pipper.cli import main

if __name__ == "__main__":
    main()
