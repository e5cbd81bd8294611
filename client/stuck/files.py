"""Files that commands read and write."""

import os


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def write(path: str, raw: bytes) -> None:
    """The whole file or none: a half-written definition must not be there to be used."""
    if os.path.exists(path) and not os.path.isfile(path):
        # A device or a pipe, such as /dev/null: root would replace it for everybody.
        with open(path, "wb") as device:
            device.write(raw)
        return
    part = f"{path}.{os.getpid()}.part"
    with open(part, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
