# SPDX-License-Identifier: BSD-3-Clause
"""A small vhost-user front-end with a guest in it: memory in a memfd, split rings, net frames.

    guest = Frontend(path)
    guest.negotiate()
    guest.start()
    guest.send(b"..."); guest.receive()
"""
import array
import mmap
import os
import socket
import struct
import time

from common import Failure, check, check_equal

(GET_FEATURES, SET_FEATURES, SET_OWNER, RESET_OWNER, SET_MEM_TABLE, SET_LOG_BASE, SET_LOG_FD,
 SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL,
 SET_VRING_ERR, GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_QUEUE_NUM,
 SET_VRING_ENABLE) = range(1, 19)

VERSION_1 = 1 << 32
PROTOCOL_FEATURES = 1 << 30
MQ, REPLY_ACK = 1 << 0, 1 << 3

_GPA = 0x40000000
_UVA = 0x7f0000000000
_RING_BYTES = 0x4000          # descriptors, then 0x1000 and 0x2000 further the two rings
_BUFFER_BYTES = 2048
_NET_HEADER = bytes(12)
_WRITE = 2                    # descriptor flag


class Frontend:
    """One connection. Ring 0 is received from, ring 1 sends."""

    SIZE = 64

    def __init__(self, path=None, sock=None, timeout=10):
        self.sock = sock or socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        if path:
            self.sock.connect(path)
        nb_bytes = 2 * _RING_BYTES + 2 * self.SIZE * _BUFFER_BYTES
        self.mem_bytes = (nb_bytes + 0xfffff) & ~0xfffff
        self.mem_fd = os.memfd_create("guest", os.MFD_CLOEXEC)
        os.ftruncate(self.mem_fd, self.mem_bytes)
        self.mem = mmap.mmap(self.mem_fd, self.mem_bytes)
        self.nb_received = 0

    def close(self):
        """Leave without a word, as a killed front-end does."""
        self.sock.close()
        self.mem.close()
        os.close(self.mem_fd)

    # ---- messages ----

    def request(self, number, payload=b"", fds=(), need_reply=True):
        """Send a request."""
        flags = 0x9 if need_reply else 0x1
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.sock.sendmsg([struct.pack("<III", number, flags, len(payload)) + payload], control)

    def reply(self, number):
        """Payload of the next reply, which must be one to that request."""
        found, flags, size = struct.unpack("<III", self._read(12))
        check_equal((found, flags), (number, 0x5), "request and flags of a reply")
        return self._read(size)

    def is_ended(self, timeout):
        """Has the back-end hung up within that many seconds?"""
        before = self.sock.gettimeout()
        self.sock.settimeout(timeout)
        try:
            return self.sock.recv(1, socket.MSG_PEEK) == b""
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False
        finally:
            self.sock.settimeout(before)

    def set(self, number, payload, fds=()):
        """Send a request and check that it is acknowledged."""
        self.request(number, payload, fds)
        check_equal(struct.unpack("<Q", self.reply(number)), (0,), f"result of request {number}")

    def get_u64(self, number):
        self.request(number, need_reply=False)
        return struct.unpack("<Q", self.reply(number))[0]

    def _read(self, size):
        data = b""
        while len(data) < size:
            try:
                piece = self.sock.recv(size - len(data))
            except socket.timeout:
                raise Failure("no reply") from None
            check(piece, "the back-end hung up")
            data += piece
        return data

    # ---- set-up ----

    def negotiate(self):
        """Features as small as they can be."""
        offered = self.get_u64(GET_FEATURES)
        check_equal(offered & PROTOCOL_FEATURES, PROTOCOL_FEATURES, "protocol features offered")
        self.request(SET_PROTOCOL_FEATURES, struct.pack("<Q", MQ | REPLY_ACK), need_reply=False)
        self.set(SET_FEATURES, struct.pack("<Q", VERSION_1 | PROTOCOL_FEATURES))
        return self

    def start(self):
        """Share the memory and start both rings, with all receive buffers there."""
        self.set(SET_MEM_TABLE, struct.pack("<II4Q", 1, 0, _GPA, self.mem_bytes, _UVA, 0),
                 [self.mem_fd])
        for ring in (0, 1):
            uva = _UVA + ring * _RING_BYTES
            self.set(SET_VRING_NUM, struct.pack("<II", ring, self.SIZE))
            self.set(SET_VRING_BASE, struct.pack("<II", ring, 0))
            self.set(SET_VRING_ADDR, struct.pack("<II4Q", ring, 0, uva, uva + 0x2000,
                                                 uva + 0x1000, 0))
            self.set(SET_VRING_KICK, struct.pack("<Q", ring | 0x100))
            self.set(SET_VRING_ENABLE, struct.pack("<II", ring, 1))
        for _ in range(self.SIZE):
            self._offer(0, _BUFFER_BYTES, _WRITE)
        return self

    def stop(self):
        """Stop both rings; returns their positions."""
        bases = []
        for ring in (0, 1):
            self.request(GET_VRING_BASE, struct.pack("<II", ring, 0), need_reply=False)
            bases.append(struct.unpack("<II", self.reply(GET_VRING_BASE))[1])
        return bases

    def forget(self, size):
        """What a driver that starts does: rings of that size, all zero."""
        self.SIZE = size
        self.mem[:2 * _RING_BYTES] = bytes(2 * _RING_BYTES)
        self.nb_received = 0

    # ---- the guest ----

    def post(self, frame):
        """Put one frame into the ring; returns the index at which its buffer will be back."""
        index = self._index(1, 0x1000)
        start = self._buffer(1, index % self.SIZE)
        self.mem[start:start + len(_NET_HEADER) + len(frame)] = _NET_HEADER + frame
        self._offer(1, len(_NET_HEADER) + len(frame), 0)
        return index + 1

    def send(self, frame):
        """Send one frame and wait until its buffer comes back."""
        self._wait_used(1, self.post(frame))

    def receive(self, timeout=10):
        """The next frame."""
        self._wait_used(0, self.nb_received + 1, timeout)
        entry = 0x2000 + 4 + 8 * (self.nb_received % self.SIZE)
        buffer, length = struct.unpack_from("<II", self.mem, entry)
        start = self._buffer(0, buffer)
        frame = self.mem[start + len(_NET_HEADER):start + length]
        self.nb_received += 1
        self._offer(0, _BUFFER_BYTES, _WRITE)
        return frame

    def shrink(self):
        """Take the memory away under the back-end's mapping."""
        self.mem.close()
        os.ftruncate(self.mem_fd, 0)
        self.mem = mmap.mmap(-1, self.mem_bytes)

    def _index(self, ring, offset):
        return struct.unpack_from("<H", self.mem, ring * _RING_BYTES + offset + 2)[0]

    def _buffer(self, ring, number):
        return 2 * _RING_BYTES + (ring * self.SIZE + number) * _BUFFER_BYTES

    def _offer(self, ring, length, flags):
        """Make the next descriptor available, with the buffer that belongs to it."""
        index = self._index(ring, 0x1000)
        slot = index % self.SIZE
        base = ring * _RING_BYTES
        struct.pack_into("<QIHH", self.mem, base + 16 * slot, _GPA + self._buffer(ring, slot),
                         length, flags, 0)
        struct.pack_into("<H", self.mem, base + 0x1000 + 4 + 2 * slot, slot)
        # Both bytes at once, as the device may look at any moment: pack_into() clears them first.
        self.mem[base + 0x1000 + 2:base + 0x1000 + 4] = struct.pack("<H", (index + 1) & 0xffff)

    def _wait_used(self, ring, index, timeout=10):
        end = time.monotonic() + timeout
        while self._index(ring, 0x2000) != index & 0xffff:
            check(time.monotonic() < end, f"ring {ring} stands at {self._index(ring, 0x2000)}, "
                  f"not at {index & 0xffff}")
            time.sleep(0.0005)
