/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Unix stream sockets that carry framed messages with fds: one connection, the listening
 * socket and its file, the client's connect. Handles frames, not their meaning.
 * Nothing here means to wait, apart from a short wait for another process that starts on the same
 * socket path; but the kernel may, as long as a peer likes, with every call on its socket or fds.
 * The owner adds interest in the fds itself.
 */
#ifndef VU_CONN_H
#define VU_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vu_msg.h"

/** Frames that a connection keeps for a peer that does not read. */
#define VU_CONN_MAX_QUEUED 32

struct vu_conn;
struct vu_listener;
struct vu_peer;

/**
 * Make a connection of a connected socket.
 *
 * @param fd    Unix stream socket, owned by this function on every path; becomes non-blocking
 * @param peer  whose the fds are that come, see vu_peer.h; outlives the connection; NULL: nobody's,
 *              to close them may make the closer wait
 * @return the connection; NULL with rte_errno ENOMEM, EBADF, ENOTSOCK, or EPROTOTYPE (a socket of
 *         another family or type)
 * @context the peer's thread; without a peer, one thread at a time
 */
struct vu_conn *vu_conn_create(int fd, struct vu_peer *peer);

/**
 * Close a connection, with the fds that came with an incomplete frame and all frames that
 * were not sent yet.
 *
 * @param conn  may be NULL
 * @context as vu_conn_create()
 */
void vu_conn_destroy(struct vu_conn *conn);

/**
 * Fd to add interest in: for input always, for output while vu_conn_wants_write().
 *
 * @param conn  from vu_conn_create()
 * @return the socket; stays the connection's
 * @context as vu_conn_create()
 */
int vu_conn_fd(const struct vu_conn *conn);

/**
 * Check whether a socket is the other end of a connection, or of another connection to the same
 * listening socket. Who holds that end never sees the connection end. The names of sockets show it:
 * a connection without one gets an abstract name that the kernel chooses (unix(7), autobind).
 *
 * @param conn  from vu_conn_create()
 * @param fd    socket
 * @return true if it must not be kept
 * @context as vu_conn_create()
 */
bool vu_conn_is_own_end(const struct vu_conn *conn, int fd);

/**
 * Check whether a part of a frame has arrived, and the rest has not.
 *
 * @param conn  from vu_conn_create()
 * @context as vu_conn_create()
 */
bool vu_conn_is_in_frame(const struct vu_conn *conn);

/**
 * Take the next frame from the socket, in whatever pieces it arrives. Never reads beyond the frame,
 * so that fds cannot be attributed to the wrong one.
 *
 * Fds must arrive with the first byte of a frame. The message is valid for
 * vu_msg_release() whatever is returned.
 *
 * @param conn    from vu_conn_create()
 * @param msg     overwritten; nb_fds and request are 0 unless a whole header was decoded
 * @param limits  of the receiver
 * @return 1 = one message; 0 = no whole frame there yet; -ECONNRESET the peer is gone, maybe in the
 *         middle of a frame; -ENOTSUP, -EPROTO or -EBADMSG from vu_msg_decode(), which leaves
 *         request, need_reply and spec in msg; -EBADMSG with request 0 for fds in the wrong
 *         place or more than VU_MAX_MSG_FDS of them, or if this process has no fd left for
 *         them; any other -errno of the socket. After a payload size above VU_MAX_MSG_BYTES and
 *         after wrong fds the stream has lost its framing: every later call returns
 *         -EBADMSG
 * @context as vu_conn_create()
 */
int vu_conn_receive(struct vu_conn *conn, struct vu_msg *msg, const struct vu_msg_limits *limits);

/**
 * Send a frame, or queue what the socket does not take. Frames leave in order; fds travel
 * with the first byte. Queued fds are duplicated: the caller's stay the caller's.
 *
 * @param conn   from vu_conn_create()
 * @param reply  frame, not referenced afterwards
 * @return 0; -ENOBUFS VU_CONN_MAX_QUEUED frames are waiting, the peer does not read; -ECONNRESET
 *         the peer is gone; -EMFILE or -ENOMEM the frame could not be queued; other -errno of the
 *         socket. A failed frame may have left in part: the connection is of no use afterwards
 * @context as vu_conn_create()
 */
int vu_conn_send(struct vu_conn *conn, const struct vu_reply *reply);

/**
 * Check whether frames are queued.
 *
 * @param conn  from vu_conn_create()
 * @return true if the owner should add EPOLLOUT to its interest and call vu_conn_flush() then
 * @context as vu_conn_create()
 */
bool vu_conn_wants_write(const struct vu_conn *conn);

/**
 * Send queued frames until the socket takes no more.
 *
 * @param conn  from vu_conn_create()
 * @return 0, with frames left if vu_conn_wants_write(); -ECONNRESET the peer is gone, or other
 *         -errno of the socket
 * @context as vu_conn_create()
 */
int vu_conn_flush(struct vu_conn *conn);

/** A frame that was received, for a protocol that vu_msg_decode() does not know. */
struct vu_frame {
	struct vhost_user_header header;
	const void *payload; /**< header.size bytes, valid until the next frame is received */
};

/** Check whether a frame that begins with this header is one to wait for. */
typedef bool (*vu_frame_check_fn)(void *arg, const struct vhost_user_header *header);

/**
 * Take the next frame from the socket like vu_conn_receive(), but leave its meaning to the caller.
 * Fds that come with it are closed.
 *
 * @param conn   from vu_conn_create()
 * @param frame  filled if 1 is returned
 * @param check  called with each header, maybe more than once
 * @param arg    of check
 * @return 1 = one frame; 0 = no whole frame there yet; -EBADMSG refused by check, longer than
 *         VU_MAX_MSG_BYTES, or with fds in the wrong place: every later call returns it
 *         too; -ECONNRESET the peer is gone, or other -errno
 * @context as vu_conn_create()
 */
int vu_conn_receive_frame(struct vu_conn *conn, struct vu_frame *frame, vu_frame_check_fn check,
	void *arg);

/** A frame to be sent: bytes in pieces, and the fds on the first. */
struct vu_conn_parts {
	const struct iovec *iov;
	unsigned int nb_iov;
	const int *fds;
	unsigned int nb_fds; /**< at most VU_MAX_MSG_FDS */
};

/**
 * Send a frame of any length like vu_conn_send(); how many may wait is up to the caller.
 *
 * @param conn   from vu_conn_create()
 * @param parts  not referenced afterwards
 * @return 0; -EMFILE or -ENOMEM the frame could not be queued, and nothing of it has left;
 *         -ECONNRESET the peer is gone, or the rest of the frame could not be queued; other -errno
 *         of the socket
 * @context as vu_conn_create()
 */
int vu_conn_send_parts(struct vu_conn *conn, const struct vu_conn_parts *parts);

/** Frames that have not left whole. @context as vu_conn_create() */
unsigned int vu_conn_nb_queued(const struct vu_conn *conn);

/**
 * Length of the queue.
 *
 * @param conn  from vu_conn_create()
 * @return bytes of the frames that have not left whole
 * @context as vu_conn_create()
 */
uint64_t vu_conn_queued_bytes(const struct vu_conn *conn);

/**
 * Listen on a socket path.
 *
 * A socket file that nobody serves is replaced; to find out, a connection is attempted. Processes
 * that start on the same path at the same time take turns by a lock on the directory: one of them
 * gets the path, the others see it served. The wait for the lock is at most half a second.
 *
 * @param path  1..107 characters, file name not empty
 * @return the listener; NULL with rte_errno EADDRINUSE (a live server), ENOTSOCK (the path exists
 *         and is no socket; it is left alone), ENAMETOOLONG, EINVAL (path without a file name),
 *         EACCES (includes a socket there that we may not connect to), EBUSY (directory locked for
 *         too long), or other errno of open, bind or listen
 * @context control lcore
 */
struct vu_listener *vu_listener_create(const char *path);

/**
 * Stop listening; removes the socket file if it is still the one that was created.
 *
 * @param listener  may be NULL
 * @context control lcore
 */
void vu_listener_destroy(struct vu_listener *listener);

/**
 * Fd to add interest in, for input.
 *
 * @param listener  from vu_listener_create()
 * @return the socket; stays the listener's
 * @context control lcore
 */
int vu_listener_fd(const struct vu_listener *listener);

/**
 * Accept a connection.
 *
 * @param listener  from vu_listener_create()
 * @return connected non-blocking socket, owned by the caller; -EAGAIN nobody waits; -EMFILE,
 *         -ENFILE, -ENOMEM or -ENOBUFS: the peer still waits and the fd stays readable, so
 *         the caller must remove its interest for a while
 * @context control lcore
 */
int vu_listener_accept(struct vu_listener *listener);

/**
 * Connect to a socket path without waiting.
 *
 * @param path  1..107 characters
 * @return connected non-blocking socket, owned by the caller; -ENOENT no such path; -ECONNREFUSED
 *         nobody listens; -EAGAIN the server's queue is full; -ENAMETOOLONG, -EINVAL, or other
 *         -errno. The first three are worth another attempt
 * @context any thread
 */
int vu_connect(const char *path);

#endif /* VU_CONN_H */
