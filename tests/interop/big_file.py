"""Writes a CSV file of a little over 5 MB: 5000 users with a long note each.

The notes are quoted and contain commas, quotes, line breaks and non-ASCII letters, and do not
compress well. Every user has the default password, because hashing is not tested here.

Usage: big_file.py PREFIX FILE
"""

import hashlib
import sys

COUNT = 5000
PREFIX, FILE = sys.argv[1:]

with open(FILE, "w", encoding="utf-8", newline="") as out:
    out.write("username,password,emailaddress,_note\n")
    for number in range(1, COUNT + 1):
        name = f"{PREFIX}-{number:05}"
        noise = hashlib.shake_256(name.encode()).hexdigest(500)
        out.write(f'{name},,{name}@example.com,"Grüße, ""{noise}""\nzweite Zeile für {number}"\n')
