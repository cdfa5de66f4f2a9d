#!/usr/bin/env python3
"""Rewrites .npz files (zip archives of .npy arrays) without compression, so that the tests need no
inflate: tests/support/npz.cpp reads stored entries only. The arrays' bytes are kept.

    store_npz.py IN.npz OUT.npz
"""
import sys
import zipfile


def main():
    source, target = sys.argv[1:]
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for entry in old.infolist():
            copy = zipfile.ZipInfo(entry.filename, date_time=(1980, 1, 1, 0, 0, 0))
            new.writestr(copy, old.read(entry))


main()
