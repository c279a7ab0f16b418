# SPDX-License-Identifier: BSD-3-Clause
"""Frames in capture files of the classic form."""
import struct

PCAP_HEADER = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)


def write_pcap(path, frames):
    with open(path, "wb") as out:
        out.write(PCAP_HEADER)
        for frame in frames:
            out.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def read_pcap(path):
    with open(path, "rb") as data:
        text = data.read()
    offset, frames = len(PCAP_HEADER), []
    while offset < len(text):
        length = struct.unpack_from("<IIII", text, offset)[2]
        frames.append(text[offset + 16:offset + 16 + length])
        offset += 16 + length
    return frames
