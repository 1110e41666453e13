/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The coordinator of a batch. It hands containers to worker processes, and between the steps of
 * engine/provision.h lets them wait for the disk: while one sync runs, all who get ready wait for
 * the next, so that the slower the disk, the more containers share one sync.
 */
#include "engine/batch.h"

#include "engine/base/cleanup.h"
#include "engine/base/time.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define WORKERS_MAX 64
#define HELD_MAX 16 /* finished but for the disk, in the hands of one worker */
#define TICK_MS 200
#define POLL_NONE (-1)

/* A child process and our end of its socket pair. */
struct child {
	pid_t pid; /* 0: none */
	int fd;
	bool building;	   /* has a job that is not built yet */
	unsigned int held; /* jobs between built and ended */
};

struct run {
	struct vzr_batch *batch;
	vzr_batch_fn fn;
	void *data;
	struct child workers[WORKERS_MAX];
	unsigned int n_workers;
	struct child syncer;
	struct vzr_batch_places places;
	atomic_int *cancel; /* shared with the workers */
	bool syncing;	    /* a round is under way */
	bool stopping;	    /* nothing new is started */
	size_t next;	    /* the first job that may be queued still */
	/* Jobs in the hands of workers, in no order: what each step looks at, not all jobs. */
	struct vzr_batch_job *open[WORKERS_MAX * (HELD_MAX + 1)];
	size_t n_open;
	struct vzr_error first;
};

static struct vzr_context *context(const struct run *run)
{
	return &run->batch->engine->ctx;
}

static uint64_t since_begin(const struct run *run, uint64_t time_us)
{
	/* 0 says "not yet". */
	return time_us > run->batch->begun_us ? time_us - run->batch->begun_us : 1;
}

static void tell(struct run *run, const struct vzr_batch_job *job, const struct vzr_event *event)
{
	if (run->fn)
		run->fn(run->data, job ? &job->item : NULL, event);
}

/* ---- children ---- */

static void close_all(const struct run *run)
{
	for (unsigned int i = 0; i < run->n_workers; i++)
		if (run->workers[i].fd >= 0)
			close(run->workers[i].fd);
	if (run->syncer.fd >= 0)
		close(run->syncer.fd);
}

static void live(struct run *run, int fd, bool syncer, pid_t parent) __attribute__((noreturn));

static void live(struct run *run, int fd, bool syncer, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	/* An end of another's pair would keep that one from seeing that we are gone. */
	close_all(run);
	context(run)->also = run->cancel;
	if (syncer)
		vzr_batch_syncer(&run->places, fd);
	vzr_batch_worker(run->batch, fd);
}

static int start(struct run *run, struct child *child, bool syncer, struct vzr_error *err)
{
	pid_t parent = getpid();
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return vzr_fail_errno(err, "cannot make a socket pair");
	*child = (struct child){ .fd = fds[0] };
	child->pid = fork();
	if (child->pid == 0) {
		signal(SIGINT, SIG_IGN);
		live(run, fds[1], syncer, parent);
	}
	close(fds[1]);
	if (child->pid > 0)
		return 0;
	close(fds[0]);
	*child = (struct child){ .fd = -1 };
	return vzr_fail_errno(err, "cannot start a worker");
}

/* Closes our end, at which the child ends, and waits for it. Its wait status; -1: not known. */
static int stop(struct child *child)
{
	int status = -1;
	pid_t r;

	if (child->pid <= 0)
		return -1;
	vzr_closep(&child->fd);
	do
		r = waitpid(child->pid, &status, 0);
	while (r < 0 && errno == EINTR);
	*child = (struct child){ .fd = -1 };
	return r < 0 ? -1 : status;
}

/* ---- states ---- */

static void begin_job(struct run *run, struct vzr_batch_job *job, unsigned int worker)
{
	job->phase = VZR_PHASE_BUILDING;
	job->worker = worker;
	job->item.state = VZR_BATCH_RUNNING;
	job->item.begun_us = since_begin(run, vzr_monotonic_us());
	job->item.n_stages = 0;
	run->workers[worker].building = true;
	run->open[run->n_open++] = job;
	tell(run, job, NULL);
}

/* The job leaves its worker, which may be dead. */
static void release(struct run *run, struct vzr_batch_job *job)
{
	struct child *child = &run->workers[job->worker];

	if (job->phase == VZR_PHASE_BUILDING)
		child->building = false;
	else
		child->held--;
	job->phase = VZR_PHASE_ENDED;
	job->in_round = false;
	job->item.ended_us = since_begin(run, vzr_monotonic_us());
	for (size_t i = 0; i < run->n_open; i++)
		if (run->open[i] == job) {
			run->open[i] = run->open[--run->n_open];
			break;
		}
}

static void finish_job(struct run *run, struct vzr_batch_job *job)
{
	release(run, job);
	job->item.state = VZR_BATCH_CREATED;
	vzr_batch_log_done(run->batch->log, context(run), job->item.index);
	tell(run, job, NULL);
}

static void fail_job(struct run *run, struct vzr_batch_job *job, int code, const char *text)
{
	release(run, job);
	if (code == -VZR_E_CANCELLED) {
		job->item.state = VZR_BATCH_WAITING;
		tell(run, job, NULL);
		return;
	}
	job->item.state = VZR_BATCH_FAILED;
	/* A failure of the disk was noted before its container was dropped. */
	if (!job->item.error.code)
		(void)vzr_fail(&job->item.error, code, "%s", text);
	if (!run->first.code) {
		run->first = job->item.error;
		(void)vzr_batch_wrap(job, run->first.code, &run->first);
	}
	run->stopping |= !run->batch->options.keep_going;
	tell(run, job, NULL);
}

/* ---- what workers say ---- */

static void note_stage(struct run *run, struct vzr_batch_item *item,
		       const struct vzr_event *event, uint64_t time_us)
{
	struct vzr_batch_stage *stage = item->stages + item->n_stages;

	if (event->type == VZR_EVENT_STAGE_BEGIN && item->n_stages < VZR_BATCH_STAGES) {
		*stage = (struct vzr_batch_stage){ .begun_us = since_begin(run, time_us) };
		snprintf(stage->name, sizeof(stage->name), "%s", event->u.stage.name);
		item->n_stages++;
	}
	if (event->type == VZR_EVENT_STAGE_END)
		for (stage--; stage >= item->stages; stage--)
			if (!stage->ended_us && strcmp(stage->name, event->u.stage.name) == 0) {
				stage->ended_us = since_begin(run, time_us);
				break;
			}
}

static void on_event(struct run *run, struct vzr_batch_job *job,
		     const struct vzr_batch_message *message)
{
	struct vzr_event event;

	vzr_batch_get_event(message, &event);
	note_stage(run, &job->item, &event, message->time_us);
	tell(run, job, &event);
}

static int send_to(struct run *run, const struct vzr_batch_job *job, enum vzr_batch_kind kind,
		   int code)
{
	struct vzr_batch_message message = {
		.kind = kind,
		.job = (uint32_t)job->item.index,
		.code = code,
	};

	return vzr_batch_send(run->workers[job->worker].fd, &message);
}

static void on_message(struct run *run, unsigned int worker,
		       const struct vzr_batch_message *message)
{
	struct vzr_batch_job *job;
	const char *text = vzr_batch_get_text(message, 0);

	if (message->job >= run->batch->jobs.count)
		return;
	job = vzr_batch_job(run->batch, message->job);
	if (job->worker != worker || job->phase == VZR_PHASE_QUEUED ||
	    job->phase == VZR_PHASE_ENDED)
		return;
	if (message->kind == VZR_MESSAGE_EVENT) {
		on_event(run, job, message);
	} else if (message->kind == VZR_MESSAGE_FAILED) {
		fail_job(run, job, message->code, text ? text : "");
	} else if (message->code == VZR_PHASE_ENDED) {
		finish_job(run, job);
	} else {
		if (job->phase == VZR_PHASE_BUILDING) {
			run->workers[worker].building = false;
			run->workers[worker].held++;
		}
		job->phase = (enum vzr_batch_phase)message->code;
	}
}

/* What a dead worker held is taken back here, as after any other death. */
static void on_death(struct run *run, unsigned int worker)
{
	int status = stop(&run->workers[worker]);
	struct vzr_error err = VZR_ERROR_INIT;
	char text[80] = "the process that made it died";

	if (status >= 0 && WIFSIGNALED(status))
		snprintf(text, sizeof(text), "the process that made it was killed by signal %d",
			 WTERMSIG(status));
	if (vzr_recover_containers(run->batch->engine, &err) < 0)
		vzr_warn(context(run), "%s", err.msg);
	for (size_t i = run->n_open; i > 0; i--) {
		struct vzr_batch_job *job = run->open[i - 1];

		if (job->worker != worker)
			continue;
		/* Its end came between the last step and the word of it. */
		if (job->phase >= VZR_PHASE_ANNOUNCED)
			finish_job(run, job);
		else
			fail_job(run, job, -VZR_E_FAILED, text);
	}
	run->workers[worker].building = false;
	run->workers[worker].held = 0;
}

/* ---- the disk ---- */

static bool waits(const struct vzr_batch_job *job)
{
	return job->phase == VZR_PHASE_BUILT || job->phase == VZR_PHASE_PLACED ||
	       job->phase == VZR_PHASE_ANNOUNCED;
}

static void advance(struct run *run, struct vzr_batch_job *job)
{
	static const struct {
		enum vzr_batch_phase phase;
		enum vzr_batch_kind kind;
	} next[] = {
		[VZR_PHASE_BUILT] = { VZR_PHASE_PLACING, VZR_MESSAGE_PLACE },
		[VZR_PHASE_PLACED] = { VZR_PHASE_ANNOUNCING, VZR_MESSAGE_ANNOUNCE },
		[VZR_PHASE_ANNOUNCED] = { VZR_PHASE_FINISHING, VZR_MESSAGE_FINISH },
	};
	enum vzr_batch_phase phase = job->phase;

	job->in_round = false;
	job->phase = next[phase].phase;
	/* A dead one is seen by the poll. */
	(void)send_to(run, job, next[phase].kind, 0);
}

static void drop(struct run *run, struct vzr_batch_job *job, int code)
{
	job->in_round = false;
	job->phase = VZR_PHASE_FINISHING;
	(void)vzr_fail_code(&job->item.error, code, "cannot sync the private areas' file system");
	(void)send_to(run, job, VZR_MESSAGE_DROP, code);
}

static void end_round(struct run *run, int code)
{
	run->syncing = false;
	for (size_t i = 0; i < run->n_open; i++) {
		struct vzr_batch_job *job = run->open[i];

		if (!job->in_round)
			continue;
		if (code < 0)
			drop(run, job, code);
		else
			advance(run, job);
	}
}

static void begin_round(struct run *run)
{
	struct vzr_batch_message message = { .kind = VZR_MESSAGE_SYNC };
	bool any = false;

	if (run->syncing)
		return;
	for (size_t i = 0; i < run->n_open; i++) {
		run->open[i]->in_round = waits(run->open[i]);
		any |= run->open[i]->in_round;
	}
	if (!any)
		return;
	run->syncing = true;
	if (run->batch->options.request.no_sync)
		end_round(run, 0);
	else if (vzr_batch_send(run->syncer.fd, &message) < 0)
		end_round(run, -EIO);
}

/* ---- the loop ---- */

static bool all_queued(struct run *run)
{
	while (run->next < run->batch->jobs.count &&
	       (vzr_batch_job(run->batch, run->next)->item.state != VZR_BATCH_WAITING ||
		vzr_batch_job(run->batch, run->next)->phase != VZR_PHASE_QUEUED))
		run->next++;
	return run->next == run->batch->jobs.count;
}

static void hand_out(struct run *run)
{
	for (unsigned int i = 0; i < run->n_workers; i++) {
		struct child *child = &run->workers[i];
		struct vzr_batch_job *job;

		if (run->stopping || all_queued(run))
			return;
		if (child->building || child->held >= HELD_MAX)
			continue;
		/* One that died makes room for another. */
		if (child->pid <= 0 && start(run, child, false, &run->first) < 0) {
			run->stopping = true;
			return;
		}
		job = vzr_batch_job(run->batch, run->next);
		begin_job(run, job, i);
		(void)send_to(run, job, VZR_MESSAGE_JOB, 0);
	}
}

static void drain(struct run *run, unsigned int worker)
{
	struct vzr_batch_message message;
	int r = 1;

	while (r == 1) {
		r = vzr_batch_receive(run->workers[worker].fd, MSG_DONTWAIT, &message);
		if (r == 1)
			on_message(run, worker, &message);
	}
	if (r != -EAGAIN)
		on_death(run, worker);
}

static void listen_all(struct run *run)
{
	struct pollfd fds[WORKERS_MAX + 1];
	struct vzr_batch_message message;
	int n;

	for (unsigned int i = 0; i < run->n_workers; i++)
		fds[i] = (struct pollfd){ .fd = run->workers[i].pid > 0 ? run->workers[i].fd
									: POLL_NONE,
					  .events = POLLIN };
	fds[run->n_workers] = (struct pollfd){ .fd = run->syncer.fd, .events = POLLIN };
	n = poll(fds, run->n_workers + 1, TICK_MS);
	if (n <= 0) {
		tell(run, NULL, NULL);
		return;
	}
	for (unsigned int i = 0; i < run->n_workers; i++)
		if (fds[i].revents)
			drain(run, i);
	if (fds[run->n_workers].revents) {
		int r = vzr_batch_receive(run->syncer.fd, 0, &message);

		if (r == 1)
			end_round(run, message.code);
		else
			(void)stop(&run->syncer);
	}
}

static void check_cancelled(struct run *run)
{
	if (vzr_cancelled(context(run), NULL) == 0)
		return;
	run->stopping = true;
	atomic_store_explicit(run->cancel, 1, memory_order_relaxed);
}

static void loop(struct run *run)
{
	while (run->n_open || !(run->stopping || all_queued(run))) {
		check_cancelled(run);
		hand_out(run);
		begin_round(run);
		if (!run->n_open)
			continue;
		/* The syncer died: what waits for it can wait no longer. */
		if (run->syncing && run->syncer.fd < 0 && !run->batch->options.request.no_sync)
			end_round(run, -EIO);
		listen_all(run);
	}
}

/* ---- begin and end ---- */

static unsigned int choose_workers(const struct vzr_batch *batch)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int wanted = batch->options.workers ? batch->options.workers
						     : (unsigned int)(cores > 0 ? cores : 1);
	size_t jobs = 0;

	for (size_t i = 0; i < batch->jobs.count; i++)
		jobs += vzr_batch_job(batch, i)->item.state == VZR_BATCH_WAITING;
	if (wanted > WORKERS_MAX)
		wanted = WORKERS_MAX;
	return jobs < wanted ? (unsigned int)jobs : wanted;
}

static int start_all(struct run *run, struct vzr_error *err)
{
	int r = vzr_batch_places_open(run->batch, &run->places, err);

	if (r == 0)
		r = start(run, &run->syncer, true, err);
	/* Workers start when the first job is for them. */
	return r;
}

static int work(struct run *run, bool *ret_begun, struct vzr_error *err)
{
	int r = vzr_batch_fetch(run->batch, err);

	if (r == 0)
		r = start_all(run, err);
	if (r < 0)
		return r;
	loop(run);
	*ret_begun = true;
	for (unsigned int i = 0; i < run->n_workers; i++)
		(void)stop(&run->workers[i]);
	(void)stop(&run->syncer);
	return 0;
}

static int outcome(struct run *run, struct vzr_error *err)
{
	int r = vzr_cancelled(context(run), err);
	struct vzr_batch_totals totals;

	vzr_batch_count(run->batch, &totals);
	if (run->batch->log && !totals.failed && !totals.waiting)
		vzr_batch_log_remove(run->batch->log, context(run));
	if (r < 0 && totals.waiting)
		return r;
	if (run->first.code && err)
		*err = run->first;
	return run->first.code;
}

/* What is the same already needs no work, and no state either. */
static bool nothing_to_do(const struct vzr_batch *batch)
{
	for (size_t i = 0; i < batch->jobs.count; i++)
		if (vzr_batch_job(batch, i)->item.state == VZR_BATCH_WAITING)
			return false;
	return true;
}

int vzr_batch_run(struct vzr_batch *batch, vzr_batch_fn fn, void *data, struct vzr_error *err)
{
	struct run run = { .batch = batch, .fn = fn, .data = data, .syncer = { .fd = -1 } };
	bool begun = false;
	void *shared;
	int r = 0;

	if (!batch->planned || batch->begun_us)
		return vzr_fail(err, -VZR_E_USAGE, "a batch is planned, then run once");
	batch->begun_us = vzr_monotonic_us();
	for (size_t i = 0; i < batch->jobs.count; i++)
		if (vzr_batch_job(batch, i)->item.state == VZR_BATCH_SAME)
			tell(&run, vzr_batch_job(batch, i), NULL);
	if (nothing_to_do(batch)) {
		vzr_batch_log_remove(batch->log, &batch->engine->ctx);
		return 0;
	}
	for (size_t i = 0; i < WORKERS_MAX; i++)
		run.workers[i].fd = -1;
	for (size_t i = 0; i < VZR_BATCH_PLACES; i++)
		run.places.fds[i] = -1;
	run.n_workers = choose_workers(batch);
	shared = mmap(NULL, sizeof(*run.cancel), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return vzr_fail_errno(err, "cannot run the batch");
	run.cancel = shared;
	if (!batch->log && batch->memo)
		r = vzr_batch_log_new(batch, &batch->log, err);
	if (r == 0)
		r = work(&run, &begun, err);
	if (r < 0 && !begun && !batch->resume)
		vzr_batch_log_remove(batch->log, &batch->engine->ctx);
	if (r == 0)
		r = outcome(&run, err);
	vzr_batch_places_close(&run.places);
	munmap(shared, sizeof(*run.cancel));
	return r;
}
