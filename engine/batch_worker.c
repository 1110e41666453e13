/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A worker of a batch: makes one container after the other and says how far each is. */
#include "engine/batch.h"

#include "engine/base/cleanup.h"
#include "engine/base/time.h"
#include "engine/provision.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#define PROGRESS_US 100000

/* A container that is made but not finished. */
struct held {
	uint32_t job;
	struct vzr_creation *creation;
	enum vzr_batch_phase phase;
	uint64_t begun; /* of the stage that the caller sees */
};

struct worker {
	const struct vzr_batch *batch;
	int fd;
	uint32_t job;	   /* events are about this one */
	uint64_t progress; /* when the last progress was sent */
	struct vzr_list held;
};

/* Without the coordinator nobody waits for anything: what is held is taken back by recovery. */
static void tell(struct worker *w, struct vzr_batch_message *message)
{
	message->job = w->job;
	if (vzr_batch_send(w->fd, message) < 0)
		_exit(EXIT_FAILURE);
}

static void on_event(void *data, const struct vzr_event *event)
{
	struct worker *w = data;
	struct vzr_batch_message message = { .kind = VZR_MESSAGE_EVENT };

	if (event->type == VZR_EVENT_PROGRESS) {
		uint64_t now = vzr_monotonic_us();

		if (now - w->progress < PROGRESS_US)
			return;
		w->progress = now;
	}
	vzr_batch_put_event(&message, event);
	tell(w, &message);
}

static void tell_reached(struct worker *w, enum vzr_batch_phase phase)
{
	struct vzr_batch_message message = { .kind = VZR_MESSAGE_REACHED, .code = (int)phase };

	tell(w, &message);
}

static void tell_failed(struct worker *w, int code, const struct vzr_error *err)
{
	struct vzr_batch_message message = { .kind = VZR_MESSAGE_FAILED, .code = code };

	vzr_batch_put_text(&message, 0, err->msg);
	tell(w, &message);
}

static struct vzr_context *context(const struct worker *w)
{
	return &w->batch->engine->ctx;
}

static void forget(struct worker *w, size_t i)
{
	struct held *held = w->held.items[i];

	vzr_creation_free(held->creation);
	free(held);
	w->held.items[i] = w->held.items[--w->held.count];
}

/* ---- what the coordinator asks for ---- */

static int keep(struct worker *w, struct vzr_creation *creation, struct vzr_error *err)
{
	struct held *held = calloc(1, sizeof(*held));

	if (!held || vzr_list_add(&w->held, held) < 0) {
		free(held);
		return vzr_fail_code(err, -ENOMEM, "cannot make a container");
	}
	*held = (struct held){ .job = w->job, .creation = creation, .phase = VZR_PHASE_BUILT };
	held->begun = vzr_stage_begin(context(w), "sync");
	return 0;
}

static void build(struct worker *w)
{
	struct vzr_batch_job *job = vzr_batch_job(w->batch, w->job);
	struct vzr_creation *creation = NULL;
	struct vzr_error err = VZR_ERROR_INIT;
	int r = vzr_creation_new(w->batch->engine, job->domain, &job->request, &job->decision,
				 &creation, &err);

	if (r == 0)
		r = vzr_creation_build(creation, &err);
	if (r == 0)
		r = keep(w, creation, &err);
	if (r < 0) {
		vzr_creation_free(creation);
		tell_failed(w, r, &err);
		return;
	}
	tell_reached(w, VZR_PHASE_BUILT);
}

static int place(struct worker *w, struct held *held, struct vzr_error *err)
{
	(void)vzr_stage_end(context(w), "sync", held->begun, 0);
	held->begun = vzr_stage_begin(context(w), "handoff");
	held->phase = VZR_PHASE_PLACED;
	return vzr_creation_place(held->creation, err);
}

static int announce(struct held *held, struct vzr_error *err)
{
	held->phase = VZR_PHASE_ANNOUNCED;
	return vzr_creation_announce(held->creation, err);
}

/* What others can see already goes as every container goes. */
static void drop(struct worker *w, size_t i)
{
	const struct held *held = w->held.items[i];
	bool visible = held->phase == VZR_PHASE_ANNOUNCED;
	struct vzr_error err = VZR_ERROR_INIT;

	forget(w, i);
	if (visible && vzr_destroy(w->batch->engine,
				   vzr_batch_job(w->batch, w->job)->request.ctid, &err) < 0)
		vzr_warn(context(w), "could not take the container back: %s", err.msg);
}

static void go_on(struct worker *w, size_t i, enum vzr_batch_kind kind)
{
	struct held *held = w->held.items[i];
	struct vzr_error err = VZR_ERROR_INIT;
	int r = kind == VZR_MESSAGE_PLACE ? place(w, held, &err) : announce(held, &err);

	if (r == 0) {
		tell_reached(w, held->phase);
		return;
	}
	(void)vzr_stage_end(context(w), "handoff", held->begun, r);
	/* An announcement that failed has announced nothing. */
	forget(w, i);
	tell_failed(w, r, &err);
}

static void handle(struct worker *w, const struct vzr_batch_message *message)
{
	size_t i = 0;

	w->job = message->job;
	if (message->kind == VZR_MESSAGE_JOB) {
		build(w);
		return;
	}
	while (i < w->held.count && ((struct held *)w->held.items[i])->job != w->job)
		i++;
	if (i == w->held.count)
		return;
	if (message->kind == VZR_MESSAGE_FINISH) {
		struct held *held = w->held.items[i];

		(void)vzr_stage_end(context(w), "handoff", held->begun, 0);
		forget(w, i);
		tell_reached(w, VZR_PHASE_ENDED);
	} else if (message->kind == VZR_MESSAGE_DROP) {
		const struct vzr_error err = { .msg = "" };

		drop(w, i);
		tell_failed(w, message->code, &err);
	} else {
		go_on(w, i, message->kind);
	}
}

/* The terminal's Ctrl-C goes to every process; what is to end, the coordinator decides. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

void vzr_batch_worker(const struct vzr_batch *batch, int fd)
{
	struct worker w = { .batch = batch, .fd = fd };
	struct vzr_batch_message message;

	block_signals();
	batch->engine->ctx.fn = on_event;
	batch->engine->ctx.data = &w;
	while (vzr_batch_receive(fd, 0, &message) == 1)
		handle(&w, &message);
	while (w.held.count) {
		w.job = ((struct held *)w.held.items[0])->job;
		forget(&w, 0);
	}
	_exit(EXIT_SUCCESS);
}
