"""Runs one instance of the demo service: `python -m deployments.demo.service --port 8000`."""

import argparse

import uvicorn


def main() -> None:
    parser = argparse.ArgumentParser(description="One instance of the demo service, on loopback.")
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port
    uvicorn.run(
        "deployments.demo.service.app:create_app",
        factory=True,
        host="127.0.0.1",
        port=port,
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
