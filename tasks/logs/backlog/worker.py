"""The program of a worker process: answers with what the functions return that it is asked to call."""

import sys
from multiprocessing.connection import Connection


def main() -> None:
    """Answer until nobody asks any more."""
    asked = Connection(sys.stdin.fileno())
    while True:
        try:
            function, arguments = asked.recv()
        except EOFError:
            return
        try:
            answer = True, function(*arguments)
        except Exception as error:
            answer = False, error
        asked.send(answer)


if __name__ == "__main__":
    main()
