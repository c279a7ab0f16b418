# SPDX-License-Identifier: BSD-3-Clause
"""What the checks share: the files of the tree, and the way a check reports.

A check collects findings as (path, line number or 0, text), prints them one per line and exits 1
if there were any.
"""
import argparse
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def parse_no_options(description):
    """Give a check without options its --help."""
    argparse.ArgumentParser(description=description).parse_args()


def _walk():
    for folder, subfolders, names in os.walk(ROOT):
        subfolders[:] = [s for s in subfolders if s not in ('.git', 'build', '__pycache__')]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), ROOT)


def files():
    """Paths of all files, relative to ROOT: tracked ones and new ones that git does not ignore."""
    command = ['git', '-C', ROOT, 'ls-files', '-z', '-co', '--exclude-standard']
    try:
        listed = subprocess.run(command, check=True, capture_output=True).stdout.decode()
        paths = [path for path in listed.split('\0') if path]
    except (OSError, subprocess.CalledProcessError):
        paths = list(_walk())
    return sorted(path for path in set(paths) if os.path.isfile(os.path.join(ROOT, path)))


def read_bytes(path):
    """Content of a file below ROOT."""
    with open(os.path.join(ROOT, path), 'rb') as stream:
        return stream.read()


def read(path):
    """Text of a file below ROOT; bytes that are not UTF-8 do not stop a check."""
    return read_bytes(path).decode('utf-8', 'replace')


def report(findings, summary):
    """Print findings and the summary; exit 1 if there are findings."""
    for path, line_nr, text in findings:
        print(f'{path}:{line_nr}: {text}' if line_nr else f'{path}: {text}')
    print(f'{summary}, {len(findings)} findings')
    sys.exit(1 if findings else 0)
