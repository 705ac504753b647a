"""A program that reads an LMDB database and writes its entries to standard output, for lmdb_file.py.

The library maps the file into memory and trusts it: a damaged one can end the process that reads it. This is that
process. It imports nothing but the library, and is started by its path:

    python lmdb_child.py PATH MAX_BYTES

Output: for each entry a byte ENTRY, the lengths of key and value, and both (of a value longer than MAX_BYTES only the
length); then a byte END, or a byte FAULT, a length and what is wrong.
"""

import os
import signal
import struct
import sys

ENTRY, END, FAULT = b"E", b".", b"!"
LENGTHS = struct.Struct("<IQ")
SECONDS = 10  # of computing for one entry; a damaged database can lead the library round in circles


def main(path: str, max_bytes: int) -> None:
    """Write all entries."""
    import lmdb

    output = sys.stdout.buffer
    try:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        options = {"subdir": os.path.isdir(path), "readonly": True, "lock": False}
        with lmdb.open(path, **options, readahead=False, meminit=False) as database:
            most = database.stat()["entries"]
            with database.begin(buffers=True) as transaction:
                for number, (key, value) in enumerate(transaction.cursor()):
                    if number >= most:
                        raise ValueError(f"has more entries than the {most:,} that it counts")
                    output.write(ENTRY + LENGTHS.pack(len(key), len(value)) + bytes(key))
                    if len(value) <= max_bytes:
                        output.write(value)
                    signal.setitimer(signal.ITIMER_PROF, SECONDS)
        output.write(END)
    except Exception as error:
        words = " ".join(str(error).split()).encode()
        output.write(FAULT + LENGTHS.pack(len(words), 0) + words)
    output.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
