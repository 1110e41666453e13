/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of a batch share: its jobs, its state on disk, and the messages of its workers. */
#pragma once

#include "engine/base/list.h"
#include "engine/plan.h"

#include <stdatomic.h>

/** How far one container is. It waits for the disk in every second phase. */
enum vzr_batch_phase {
	VZR_PHASE_QUEUED,
	VZR_PHASE_BUILDING,
	VZR_PHASE_BUILT, /**< waits */
	VZR_PHASE_PLACING,
	VZR_PHASE_PLACED, /**< waits */
	VZR_PHASE_ANNOUNCING,
	VZR_PHASE_ANNOUNCED, /**< waits */
	VZR_PHASE_FINISHING,
	VZR_PHASE_ENDED
};

/** One container of the batch. */
struct vzr_batch_job {
	struct vzr_batch_item item; /**< what the caller sees */
	char *label;
	struct vzr_domain *domain;
	struct vzr_request request;   /**< with this container's id */
	struct vzr_decision decision; /**< empty for what is the same already */
	char *specification;	      /**< "sha256:HEX" */
	enum vzr_batch_phase phase;
	unsigned int worker; /**< who has it, in the phases between QUEUED and ENDED */
	bool in_round;	     /**< the running sync counts for it */
	bool done_before;    /**< an earlier run of this batch has finished it */
};

struct vzr_batch_log;

/** The batch. */
struct vzr_batch {
	struct vzr_engine *engine;
	struct vzr_batch_options options; /**< texts are copies */
	char *area, *quota, *handoff, *memo, *resume; /**< those texts */
	struct vzr_list jobs;		  /**< of struct vzr_batch_job */
	struct vzr_list artefacts;	  /**< templates, lent to the decisions of the jobs */
	struct vzr_batch_log *log;	  /**< the state on disk; NULL: none is kept */
	bool planned;
	uint64_t begun_us; /**< CLOCK_MONOTONIC; 0: not running yet */
};

/** Job number @index. */
static inline struct vzr_batch_job *vzr_batch_job(const struct vzr_batch *batch, size_t index)
{
	return batch->jobs.items[index];
}

/** Puts "LABEL: " in front of the message in @err. Returns @code. */
int vzr_batch_wrap(const struct vzr_batch_job *job, int code, struct vzr_error *err);

/**
 * All together against the disk, for containers that get bytes of their own. -VZR_E_NO_SPACE with
 * both numbers.
 */
VZR_MUST_CHECK int vzr_batch_fits(const struct vzr_batch *batch, struct vzr_error *err);

/** Fetches each template once, and makes the prepared forms that will be cloned. */
VZR_MUST_CHECK int vzr_batch_fetch(struct vzr_batch *batch, struct vzr_error *err);

/* ---- batch_log.c: STATE_DIR/batch/ID.batch -------------------------------------------------- */

/** Writes the plan down, durably, and holds the lock until vzr_batch_log_close(). */
VZR_MUST_CHECK int vzr_batch_log_new(const struct vzr_batch *batch, struct vzr_batch_log **ret_log,
				     struct vzr_error *err);

/**
 * Opens the log of the batch that is to be resumed and gives the jobs their ids of then.
 * -VZR_E_BUSY while somebody works on it; -VZR_E_INPUT if the jobs are not those of then.
 */
VZR_MUST_CHECK int vzr_batch_log_resume(const struct vzr_batch *batch,
					struct vzr_batch_log **ret_log, struct vzr_error *err);

/** Notes that job @index is finished; a failure to write is told as a warning. */
void vzr_batch_log_done(struct vzr_batch_log *log, struct vzr_context *ctx, size_t index);

/** Removes the log: there is nothing left to resume. */
void vzr_batch_log_remove(struct vzr_batch_log *log, struct vzr_context *ctx);

/** Closes it; NULL is fine. */
void vzr_batch_log_close(struct vzr_batch_log *log);

/* ---- batch_wire.c: one message, one packet --------------------------------------------------- */

/** What a message says. */
enum vzr_batch_kind {
	VZR_MESSAGE_JOB,      /**< to a worker: build it */
	VZR_MESSAGE_PLACE,    /**< to a worker */
	VZR_MESSAGE_ANNOUNCE, /**< to a worker */
	VZR_MESSAGE_FINISH,   /**< to a worker: end its transaction */
	VZR_MESSAGE_DROP,     /**< to a worker: take it back */
	VZR_MESSAGE_EVENT,    /**< from a worker, while it is at @job */
	VZR_MESSAGE_REACHED,  /**< from a worker: @job got to phase @code */
	VZR_MESSAGE_FAILED,   /**< from a worker: @job was taken back */
	VZR_MESSAGE_SYNC      /**< to the syncer and, with the outcome in @code, back */
};

#define VZR_MESSAGE_TEXT 1024

/** One message. Only as much of it as its texts need is sent. */
struct vzr_batch_message {
	enum vzr_batch_kind kind;
	uint32_t job;	  /**< index */
	int code;	  /**< error, phase or stage's end */
	uint64_t time_us; /**< CLOCK_MONOTONIC when it was sent; set by vzr_batch_send() */
	enum vzr_event_type type; /**< of an event */
	uint64_t numbers[2];	  /**< level, elapsed or progress of an event */
	uint32_t lengths[3];	  /**< of the texts, with their NULs; 0: NULL */
	char text[3 * VZR_MESSAGE_TEXT];
};

/** Sends it whole, waiting for room. 0 or -errno (-EPIPE: nobody is there any more). */
VZR_MUST_CHECK int vzr_batch_send(int fd, struct vzr_batch_message *message);

/** Receives one. 1, 0 at the end, or -errno (-EAGAIN with MSG_DONTWAIT in @flags). */
VZR_MUST_CHECK int vzr_batch_receive(int fd, int flags, struct vzr_batch_message *ret_message);

/** Appends a text, cut at VZR_MESSAGE_TEXT; the call is for texts 0, 1, 2 in turn. */
void vzr_batch_put_text(struct vzr_batch_message *message, unsigned int index, const char *text);

/** Text number @index, or NULL. Lent until the message changes. */
const char *vzr_batch_get_text(const struct vzr_batch_message *message, unsigned int index);

/** An event as a message, and back (its texts are lent by the message). */
void vzr_batch_put_event(struct vzr_batch_message *message, const struct vzr_event *event);
void vzr_batch_get_event(const struct vzr_batch_message *message, struct vzr_event *ret_event);

/* ---- batch_worker.c, batch_sync.c: the processes -------------------------------------------- */

/** What a worker lives in: after the fork it never returns. @fd: its end of the socket pair. */
void vzr_batch_worker(const struct vzr_batch *batch, int fd) __attribute__((noreturn));

#define VZR_BATCH_PLACES 4

/** The file systems that everything of a batch is on. */
struct vzr_batch_places {
	int fds[VZR_BATCH_PLACES]; /**< one directory of each; -1 past the last */
};

/** Opens them. The descriptors must be open before the work begins: errors count from then on. */
VZR_MUST_CHECK int vzr_batch_places_open(const struct vzr_batch *batch,
					 struct vzr_batch_places *ret_places,
					 struct vzr_error *err);
void vzr_batch_places_close(struct vzr_batch_places *places);

/** The process that waits for the disk, so that nobody else has to; never returns. */
void vzr_batch_syncer(const struct vzr_batch_places *places, int fd) __attribute__((noreturn));
