"""`python -m trainloud`."""

from trainloud.cli import main

if __name__ == "__main__":
    main(prog_name="trainloud")
