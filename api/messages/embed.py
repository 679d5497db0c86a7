"""Writes the files named on the command line into a C source: embed.py OUT.c FILE..."""
import sys

out, files = sys.argv[1], sys.argv[2:]
with open(out, "w", encoding="ascii") as c:
    c.write('#include "api/messages/embedded.h"\n\nconst struct span messages_embedded[] = {\n')
    for name in files:
        data = open(name, "rb").read()
        c.write("\t{(const char[]){\n")
        for i in range(0, len(data), 16):
            # As characters, not numbers: a plain char may be signed.
            c.write("\t\t" + "".join("'\\x%02x'," % b for b in data[i:i + 16]) + "\n")
        c.write("\t}, %d},\n" % len(data))
    c.write("};\nconst size_t messages_n_embedded = %d;\n" % len(files))
